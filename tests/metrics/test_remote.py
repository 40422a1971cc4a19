"""A metric says the same wherever it is computed."""

import pytest

from gepa_next.errors import ModelError
from gepa_next.metrics import scoring_of
from gepa_next.metrics.remote import WORTH_SENDING, RemoteMetric
from tests.metrics.scoring import wants
from tests.metrics.test_choice import ALL, IDEALS, MIXED
from tests.support.elsewhere import nowhere, over_the_wire

EVERY = [*([each] for each in ALL), MIXED]


@pytest.mark.parametrize("elsewhere", [over_the_wire, nowhere])
@pytest.mark.parametrize("chosen", EVERY, ids=lambda chosen: chosen[0]["name"])
def test_a_metric_computed_elsewhere_says_what_it_says_here(chosen, elsewhere) -> None:
    here = scoring_of(chosen if len(chosen) > 1 else chosen[0]).metric
    example = wants(IDEALS.get(chosen[0]["name"], "a b"))
    for output in ("a b", "1", "", *(start + " " * WORTH_SENDING for start in ("a b", "1", "{}", "a", ""))):
        assert RemoteMetric(here, elsewhere)(example, output) == here(example, output)


def test_what_is_short_is_not_sent() -> None:
    def sent(*_: object, lasts_s: float) -> None:
        raise AssertionError("it was")

    assert RemoteMetric(scoring_of("exact_match").metric, sent)(wants("a"), "a").score == 1


def test_what_cannot_be_scored_there_cannot_be_scored() -> None:
    metric = scoring_of("exact_match").metric
    with pytest.raises(ModelError) as caught:
        RemoteMetric(metric, over_the_wire)(wants(None), "a" * WORTH_SENDING)
    assert (caught.value.code, caught.value.sends) == ("no_ideal", 0)
