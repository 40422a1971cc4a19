from gepa_next.runner.back_off import BackOff, pause_s


def test_each_pause_is_twice_as_long_up_to_a_minute() -> None:
    assert [pause_s(times) for times in (*range(8), 10_000)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_it_is_over_until_it_begins_and_when_it_is_reset() -> None:
    back_off = BackOff()
    assert back_off.is_over
    back_off.begin()
    assert not back_off.is_over
    back_off.reset()
    assert (back_off.is_over, back_off.times) == (True, 0)
