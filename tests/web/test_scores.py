"""Which scores the pages tell a job by, and on which examples they say those were reached."""

import pytest

from gepa_next.web.scores import Scores, scores_of

TEST = {"n": 8, "seed_score": 0.5, "score": 0.25}
RESULT = {"test": None, "retest": None, "nondominated": {"n": 3}, "seed_score": 0.1, "score": 0.7}


def state(result: dict | None, *, retest: dict | None = None) -> dict:
    return {"result": result, "retest": retest, "seed_score": 0.0, "best_score": 0.8}


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (state(None), Scores(0.0, 0.8, "Best score", "on the examples to select by")),
        (state({**RESULT, "test": TEST, "score": 0.5}),
         Scores(0.5, 0.25, "Held-out score", "on 8 held-out examples", "0.80 on the examples to select by")),
        (state(RESULT), Scores(0.1, 0.7, "Best score", "on 3 examples to select by")),
        (state({**RESULT, "nondominated": None, "retest": {"n": 1}}, retest={"name": "p"}),
         Scores(0.1, 0.7, "Pinned prompt", "on 1 example")),
    ],
)  # fmt: skip
def test_a_finished_job_is_told_by_the_scores_of_its_verdict_and_another_by_the_best_so_far(job, told) -> None:
    assert scores_of(job) == told
