"""The reflective hill climb: mend the best prompt by a minibatch of its cases, keep what validates better."""

from benchmarks.search.models import Judged, Models
from benchmarks.search.reflector import Asked
from benchmarks.search.world import Case

MINIBATCH = 3


def climb(models: Models, max_rollouts: int) -> list[Judged]:
    """Spend the budget; each step costs a minibatch and a validation run."""
    world = models.world
    half = len(world.examples) // 2
    train, validation = world.examples[:half], world.examples[half:]
    rng = models.stream("climb")
    best, best_score = world.seed_prompt, _mean(models, world.seed_prompt, validation)
    models.note(best)
    judged = []
    while models.rollouts + MINIBATCH + len(validation) <= max_rollouts:
        batch = rng.sample(train, min(MINIBATCH, len(train)))
        cases = [(each.input, models.roll(best, each.input).feedback) for each in batch]
        child = models.reflect().rewrite(Asked(best, cases), models.stream(best, str(cases))).prompt
        score = _mean(models, child, validation)
        judged.append(Judged(child, best, score > best_score))
        if score > best_score:
            best, best_score = child, score
        models.note(best)
    return judged


def _mean(models: Models, prompt: str, examples: list[Case]) -> float:
    return sum(models.roll(prompt, each.input).score for each in examples) / len(examples)
