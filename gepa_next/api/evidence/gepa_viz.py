"""A job as a run of gepa-viz 0.1.0 (github.com/modaic-ai/gepa-viz), a viewer of candidate trees: docs/gepa-viz.md."""

from collections.abc import Iterator, Mapping, Sequence

from gepa_next.api.edge.pacing import unhurried
from gepa_next.gepa.splits import divide
from gepa_next.gepa.types import Candidate, Decision, Example, Rollout, Split
from gepa_next.models import Job
from gepa_next.store.codec import to_json
from gepa_next.store.database import Database
from gepa_next.store.evidence import (
    find_job_example,
    iterate_candidates,
    iterate_example_heads,
    iterate_rollouts_of,
)
from gepa_next.version import VERSION

MOST_COMPARED = 8  # examples shown of a comparison; all of them are in rollouts.jsonl
_KEPT = frozenset({Decision.SEED, Decision.ACCEPTED})
_Rollouts = Mapping[str, Rollout]


def run_pieces(database: Database, job: Job) -> Iterator[str]:
    """Yield the run as one JSON object, an example or a candidate at a time."""
    ids = _validation_ids(database, job)
    yield '{"examples":['
    for place, each in enumerate(_examples(database, job, ids)):
        yield ("," if place else "") + to_json(_shown(each))
    yield '],"candidates":{'
    for place, (name, value) in enumerate(_Tree(database, job, ids).candidates()):
        yield ("," if place else "") + f"{to_json([name])[1:-1]}:{to_json(value)}"
    made_by = {"name": "gepa-next", "version": VERSION, "job_id": job.id, "simulated": job.simulated}
    yield f'}},"made_by":{to_json(made_by)}}}\n'


def _validation_ids(database: Database, job: Job) -> list[str]:
    heads = [Example(id=each.id, input="") for each in unhurried(iterate_example_heads(database, job.id))]
    splits = divide(heads, job.split, seed=job.spec.seed, together=job.spec.near_duplicates)
    return [each.id for each in splits.validation]


def _examples(database: Database, job: Job, ids: Sequence[str]) -> Iterator[Example]:
    found = (find_job_example(database, job.id, each) for each in ids)
    return (each for each in found if each is not None)


def _shown(example: Example) -> dict[str, object]:
    truth = {} if example.ideal is None else {"ground_truth": {"ideal": example.ideal}}
    return {"id": example.id, "input": example.input, **truth}


class _Tree:
    """Makes the candidates of a run; of those that were not kept the name has a part for the parent's."""

    def __init__(self, database: Database, job: Job, ids: Sequence[str]) -> None:
        self._database, self._job, self._ids = database, job, ids
        self._children: dict[str, int] = {}
        self._parent: tuple[int, _Rollouts] = (-1, {})  # the last one asked for: neighbours have the same

    def candidates(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield name and value of each."""
        for candidate, mean in iterate_candidates(self._database, self._job.id):
            parent = str(candidate.parents[0]) if candidate.parents else None
            kept = candidate.decision in _KEPT
            rollouts = self._rollouts(candidate.id)
            value: dict[str, object] = {
                "prompt": candidate.text,
                "parent": parent,
                "score": mean if kept else None,
                "predictions": self._predictions(rollouts) if kept else None,
                "minibatch": None if parent is None else self._compared(candidate, rollouts),
            }
            yield str(candidate.id) if kept else self._name(parent), value

    def _name(self, parent: str | None) -> str:
        family = parent or "0"
        self._children[family] = self._children.get(family, 0) + 1
        return f"{family}.{self._children[family]}"

    def _predictions(self, rollouts: _Rollouts) -> list[dict[str, object]]:
        """Return what came of the examples one after another, up to the first that the candidate was not run on."""
        found: list[dict[str, object]] = []
        for each in self._ids:
            if each not in rollouts:
                break
            found.append({"prediction": _prediction(rollouts[each]), "score": rollouts[each].score or 0.0})
        return found

    def _compared(self, candidate: Candidate, rollouts: _Rollouts) -> list[dict[str, object]]:
        before = self._rollouts_of_parent(candidate.parents[0])
        both = [each for each in self._ids if each in rollouts and each in before][:MOST_COMPARED]
        examples = _examples(self._database, self._job, both)
        return [_entry(each, before[each.id], rollouts[each.id]) for each in examples]

    def _rollouts_of_parent(self, candidate_id: int) -> _Rollouts:
        if self._parent[0] != candidate_id:
            self._parent = candidate_id, self._rollouts(candidate_id)
        return self._parent[1]

    def _rollouts(self, candidate_id: int) -> _Rollouts:
        found = iterate_rollouts_of(self._database, self._job.id, candidate_id, split=Split.VALIDATION)
        return {each.example_id: each for each in unhurried(found)}


def _entry(example: Example, before: Rollout, after: Rollout) -> dict[str, object]:
    return {
        "example": _shown(example),
        "parent_prediction": _prediction(before),
        "parent_score": before.score or 0.0,
        "prediction": _prediction(after),
        "score": after.score or 0.0,
        "feedback": before.feedback,
    }


def _prediction(rollout: Rollout) -> dict[str, object]:
    return {"output": rollout.output} if rollout.error is None else {"error": rollout.error}
