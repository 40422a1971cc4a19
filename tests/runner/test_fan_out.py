import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gepa_next.errors import Interrupted, ModelError
from gepa_next.runner.fan_out import PooledFanOut


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as opened:
        yield opened


def test_results_come_in_the_order_of_the_items_however_they_finish(pool: ThreadPoolExecutor) -> None:
    last_is_done = threading.Event()

    def work(n: int) -> int:
        if n == 3:
            last_is_done.set()
        else:
            last_is_done.wait(5)
        return n * n

    assert list(PooledFanOut(pool, let_go=threading.Event())(work, range(4))) == [0, 1, 4, 9]


def test_all_items_are_in_flight_at_once(pool: ThreadPoolExecutor) -> None:
    together = threading.Barrier(4)
    assert len(set(PooledFanOut(pool, let_go=threading.Event())(lambda _: together.wait(5), range(4)))) == 4


def test_the_first_error_in_the_order_of_the_items_is_raised(pool: ThreadPoolExecutor) -> None:
    second_failed = threading.Event()

    def work(n: int) -> None:
        if n == 0:
            second_failed.wait(5)
        else:
            second_failed.set()
        raise ModelError(f"e{n}", "no")

    with pytest.raises(ModelError) as caught:
        list(PooledFanOut(pool, let_go=threading.Event())(work, range(2)))
    assert caught.value.code == "e0"


def test_a_job_that_is_let_go_does_not_wait_for_a_call_that_hangs(pool: ThreadPoolExecutor) -> None:
    let_go, hang_up = threading.Event(), threading.Event()
    threading.Timer(0.05, let_go.set).start()
    with pytest.raises(Interrupted):
        list(PooledFanOut(pool, let_go=let_go)(lambda _: hang_up.wait(10), range(2)))
    hang_up.set()


def test_all_items_are_begun_before_a_result_is_asked_for(pool: ThreadPoolExecutor) -> None:
    begun = threading.Barrier(3)
    results = PooledFanOut(pool, let_go=threading.Event())(lambda _: begun.wait(5), range(2))
    begun.wait(5)
    assert len(list(results)) == 2


def test_what_has_not_begun_when_no_more_results_are_wanted_never_does() -> None:
    begun, go_on = [], threading.Event()

    def work(n: int) -> int:
        begun.append(n)
        if n:
            go_on.wait(5)
        return n

    with ThreadPoolExecutor(1) as pool:
        for _ in PooledFanOut(pool, let_go=threading.Event())(work, range(9)):
            break
        go_on.set()
    assert begun in ([0], [0, 1])
