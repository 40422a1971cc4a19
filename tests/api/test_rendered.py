"""A state that has not changed is rendered once, and one that has is never told as it was."""

from gepa_next.api.edge.rendered import LARGEST_BYTES, MOST, RenderedStates
from gepa_next.models import JobStatus, JobVersion
from tests.support.service import OTHER_TOKEN


def version(last_event_id: int, updated_at: float = 1.0) -> JobVersion:
    return JobVersion(1, last_event_id, 0, JobStatus.RUNNING, updated_at)


def test_a_body_is_found_for_its_version_only() -> None:
    states = RenderedStates()
    states.keep("a", version(1), b"one")
    assert states.find("a", version(1)) == b"one"
    assert states.find("a", version(2)) is None
    assert states.find("a", version(1, updated_at=2.0)) is None
    assert states.find("b", version(1)) is None


def test_those_asked_for_last_are_kept() -> None:
    states = RenderedStates()
    for number in range(MOST):
        states.keep(str(number), version(1), b"x")
    assert states.find("0", version(1)) == b"x"
    states.keep("one more", version(1), b"x")
    assert states.find("0", version(1)) == b"x"
    assert states.find("1", version(1)) is None


def test_a_large_body_is_not_kept_nor_the_one_before_it() -> None:
    states = RenderedStates()
    states.keep("a", version(1), b"small")
    states.keep("a", version(2), b"x" * (LARGEST_BYTES + 1))
    assert states.find("a", version(1)) is None
    assert states.find("a", version(2)) is None


def test_a_state_is_what_it_is_now_however_often_it_was_asked_for(service) -> None:
    job_id = service.create()
    url = f"/v1/optimize/{job_id}"
    waiting = [service.client().get(url) for _ in range(2)]
    assert waiting[0].data == waiting[1].data
    assert waiting[0].json["status"] == "queued"
    service.client().post(f"{url}/stop")
    assert service.client().get(url).json["updated_at"] > waiting[0].json["updated_at"]
    service.client().delete(url)
    assert service.client().get(url).json["status"] == "cancelled"


def test_another_token_s_state_is_not_told_after_it_was_rendered(service) -> None:
    url = f"/v1/optimize/{service.create()}"
    assert service.client().get(url).status_code == 200
    assert service.client(OTHER_TOKEN).get(url).status_code == 404
