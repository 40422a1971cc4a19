"""The reference implementation (PyPI `gepa`) on a simulated task; runs in an environment of its own."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import gepa
from gepa.strategies.acceptance import AcceptanceCriterion, ImprovementOrEqualAcceptance, StrictImprovementAcceptance
from gepa.strategies.proposal_sampling import IndependentSampling, SameParentSampling
from gepa.strategies.proposal_selection import AllImprovements, BestImprovement

from benchmarks.search.models import Judged, Models
from benchmarks.search.reflector import Asked
from benchmarks.search.world import Case

COMPONENT = "instructions"
GREEDY = {"candidate_selection_strategy": "current_best"}
EPSILON = {"candidate_selection_strategy": "epsilon_greedy"}
TOP_K = {"candidate_selection_strategy": "top_k_pareto"}
SIX = {"reflection_minibatch_size": 6}
CACHE = {"cache_evaluation": True}
BEST_OF_FOUR = {"sampling_strategy": SameParentSampling(4), "selection_strategy": BestImprovement()}
FOUR_PARENTS = {"sampling_strategy": IndependentSampling(4), "selection_strategy": AllImprovements()}
MERGE = {"use_merge": True}
# `reference` has its defaults; the others are what it offers for more, alone and together.
SETTINGS: dict[str, dict[str, Any]] = {
    "reference": {},
    "reference-greedy": GREEDY | CACHE,
    "reference-epsilon": EPSILON | CACHE,
    "reference-top-k": TOP_K | CACHE,
    "reference-six": SIX | CACHE,
    "reference-greedy-six": GREEDY | SIX | CACHE,
    "reference-epsilon-six": EPSILON | SIX | CACHE,
    "reference-top-k-six": TOP_K | SIX | CACHE,
    "reference-best-of-four": BEST_OF_FOUR | CACHE,
    "reference-greedy-best-of-four": GREEDY | BEST_OF_FOUR | CACHE,
    "reference-greedy-six-best-of-four": GREEDY | SIX | BEST_OF_FOUR | CACHE,
    "reference-four-parents": FOUR_PARENTS | CACHE,
    "reference-top-k-four-parents": TOP_K | FOUR_PARENTS | CACHE,
    "reference-merge": MERGE | CACHE,
    "reference-greedy-merge": GREEDY | MERGE | CACHE,
    "reference-six-merge": SIX | MERGE | CACHE,
    "reference-greedy-six-merge": GREEDY | SIX | MERGE | CACHE,
    "reference-top-k-six-merge": TOP_K | SIX | MERGE | CACHE,
    "reference-epsilon-six-merge": EPSILON | SIX | MERGE | CACHE,
    "reference-greedy-best-of-four-merge": GREEDY | BEST_OF_FOUR | MERGE | CACHE,
    "reference-equal": CACHE,
    "reference-greedy-equal": GREEDY | CACHE,
}
EQUAL_ACCEPTED = {"reference-equal", "reference-greedy-equal"}
_FENCED = re.compile(r"```\n(.*?)\n```", re.DOTALL)
_CASE = re.compile(r"## Inputs\n(.*?)\n\n## Generated Outputs\n.*?\n\n## Feedback\n(.*?)\n", re.DOTALL)


class Adapter:
    """What the reference asks for: run a candidate on a batch, and make a reflector's records of it."""

    propose_new_texts = None

    def __init__(self, models: Models, pool: Executor | None = None) -> None:
        self.models, self.pool = models, pool

    def evaluate(self, batch: list[Case], candidate: dict[str, str], capture_traces: bool = False) -> Any:  # noqa: FBT001, FBT002 - theirs
        """Run the candidate on every example of the batch."""
        each = self.pool.map if self.pool else map
        rolled = list(each(lambda case: self.models.roll(candidate[COMPONENT], case.input), batch))
        traces = [
            {"Inputs": case.input, "Generated Outputs": one.output, "Feedback": f"Score {one.score}. {one.feedback}"}
            for case, one in zip(batch, rolled, strict=True)
        ]
        return gepa.EvaluationBatch(
            outputs=[one.output for one in rolled],
            scores=[one.score for one in rolled],
            trajectories=traces if capture_traces else None,
        )

    def make_reflective_dataset(
        self,
        candidate: dict[str, str],  # noqa: ARG002 - theirs
        eval_batch: Any,
        components: Sequence[str],
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the records as they are."""
        return dict.fromkeys(components, eval_batch.trajectories)


class Watch:
    """Notes what the reference would return, and what became of each proposal."""

    def __init__(self, models: Models, criterion: AcceptanceCriterion) -> None:
        self.models, self.criterion = models, criterion
        self.judged: list[Judged] = []
        self.best = -1.0
        self.first = 0  # of the proposals of this iteration

    def on_iteration_start(self, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - theirs
        """Forget what the iterations before proposed."""
        self.first = len(self.judged)

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        """Note a new best; whatever is run on all of validation has been accepted."""
        prompt = event["candidate"][COMPONENT]
        for each in self.judged[self.first :]:
            each.accepted = each.accepted or each.prompt == prompt
        if event["average_score"] > self.best:
            self.best = event["average_score"]
            self.models.note(prompt)

    def should_accept(self, proposal: Any, state: Any) -> bool:
        """Decide as the reference does, and write the proposal down."""
        parent = state.program_candidates[proposal.parent_program_ids[0]][COMPONENT]
        self.judged.append(Judged(proposal.candidate[COMPONENT], parent, accepted=False))
        return bool(self.criterion.should_accept(proposal, state))


class Quiet:
    """A log that nobody reads."""

    def log(self, message: str) -> None:
        """Take a line."""


def reflect(models: Models, question: str) -> str:
    """Answer the reference's question as the simulated reflector does."""
    reflector = models.reflect()
    prompt = _FENCED.search(question)
    asked = Asked(prompt[1] if prompt else "", _CASE.findall(question))
    return f"```\n{reflector.rewrite(asked, models.stream(question)).prompt}\n```"


def optimise(models: Models, max_rollouts: int, settings: str, pool: Executor | None = None) -> list[Judged]:
    """Spend the budget in the reference's way; train and validation are a half each."""
    world, half = models.world, len(models.world.examples) // 2
    criterion = ImprovementOrEqualAcceptance() if settings in EQUAL_ACCEPTED else StrictImprovementAcceptance()
    watch = Watch(models, criterion)
    gepa.optimize(
        seed_candidate={COMPONENT: world.seed_prompt},
        trainset=world.examples[:half],
        valset=world.examples[half:],
        adapter=Adapter(models, pool),
        reflection_lm=lambda question: reflect(models, question),
        max_metric_calls=max_rollouts,
        acceptance_criterion=watch,
        callbacks=[watch],
        logger=Quiet(),
        seed=world.seed,
        **SETTINGS[settings],
    )
    return watch.judged
