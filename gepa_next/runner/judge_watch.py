"""The judge's watch: one runner of all checks the judge, at its start and then now and again."""

import logging
import time
from collections.abc import Callable

from gepa_next.gepa.drift import anchors_fingerprint
from gepa_next.gepa.ports import LanguageModel
from gepa_next.runner.judge_check import BROKEN_OFF, Checked, check_judge
from gepa_next.store.database import Database
from gepa_next.store.judge_checks import Turn, begin_check, turn_is_free

log = logging.getLogger(__name__)

LOOK_S = 1.0
START_S = 3600.0  # a runner that starts so soon after a check makes none: it may be one that starts again and again


class JudgeWatch:
    """Checks the judge when it is time; for one thread, which may be in it for long."""

    def __init__(
        self, judge: LanguageModel, *, model_id: str, interval_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._judge = judge
        self._model_id = model_id
        self._interval_s = interval_s
        self._clock = clock
        self._pause_s = min(interval_s, START_S)

    def __call__(self, database: Database, runner_id: str, *, go_on: Callable[[], bool]) -> None:
        """Check the judge if it is time and nobody else does; `go_on` waits until there is nothing better to do."""
        turn = Turn(fingerprint=anchors_fingerprint(self._model_id), owner=runner_id)
        now = self._clock()
        if not turn_is_free(database, turn, last_before=now - self._pause_s, now=now):
            self._pause_s = self._interval_s
        elif go_on() and self._begin(database, turn):
            self._pause_s = self._interval_s
            found = check_judge(
                database, self._judge, model_id=self._model_id, turn=turn, go_on=go_on, clock=self._clock
            )
            self._tell(found)

    def _begin(self, database: Database, turn: Turn) -> bool:
        now = self._clock()
        return begin_check(database, turn, last_before=now - self._pause_s, now=now)

    def _tell(self, found: Checked) -> None:
        if found.check is None:
            if found.reason != BROKEN_OFF:
                log.warning("the judge %s could not be checked: %s", self._model_id, found.reason)
        elif found.check.drift is not None and found.check.drift.moved:
            log.warning("the judge %s has moved by %+.3f", self._model_id, found.check.drift.shift)
