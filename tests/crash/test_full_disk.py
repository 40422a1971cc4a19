"""A disk that takes no more: nothing is lost or corrupted, and the job goes on when there is room again."""

import resource
from pathlib import Path

from gepa_next.store.database import Database
from gepa_next.store.housekeeping import check_file
from tests.crash.harness import models_served, stage, undisturbed

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def test_a_job_outlives_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    with models_served() as models:
        reference = undisturbed(tmp_path / "undisturbed", models)
        models.answer_after(0.02)
        with stage(tmp_path / "full", models) as full:
            full.add_job()
            worker = full.start_worker()
            full.wait_for(lambda: full.job().rollouts > 20)
            fill(worker.pid, full.database.path)
            full.wait_for(Stuck(full.database))
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, UNLIMITED)
            models.answer_after(0.0)
            full.wait_until_ended()
            assert worker.poll() is None
            assert check_file(full.database) == []
            assert full.account() == reference
            assert set(full.asked().values()) == {1}


def fill(pid: int, database: Path) -> None:
    """Let no file of the process grow beyond the size of the log that takes the commits."""
    size = database.with_name(f"{database.name}-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Stuck:
    """Says whether nothing has been committed for so many looks."""

    def __init__(self, database: Database, looks: int = 25) -> None:
        self._database = database
        self._looks = looks
        self._version, self._same = -1, 0

    def __call__(self) -> bool:
        version = self._database.data_version()
        self._same = self._same + 1 if version == self._version else 0
        self._version = version
        return self._same >= self._looks
