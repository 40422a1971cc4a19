"""A database on a network file system is refused before anything is written there."""

from contextlib import closing
from pathlib import Path

import pytest

from gepa_next.errors import StoreError
from gepa_next.store.database import Database
from gepa_next.store.file_systems import kind_of

MOUNTS = r"""/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
filer:/home /home nfs4 rw,vers=4.2 0 0
/dev/vdb /home/ada/disk xfs rw 0 0
//filer/team /srv/our\040team cifs rw 0 0
tmpfs /data tmpfs rw 0 0
filer:/data /data nfs rw 0 0
systemd-1 /auto autofs rw 0 0
filer:/auto /auto/jobs nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/jobs.sqlite3", "ext4"),
        ("/home/ada/jobs.sqlite3", "nfs4"),
        ("/homework/jobs.sqlite3", "ext4"),
        ("/home/ada/disk/jobs.sqlite3", "xfs"),
        ("/srv/our team/jobs.sqlite3", "cifs"),
        ("/data/jobs.sqlite3", "nfs"),
        ("/auto/jobs/jobs.sqlite3", "nfs"),
    ],
)
def test_the_deepest_mount_and_of_two_the_later_tells(path: str, kind: str) -> None:
    assert kind_of(Path(path), MOUNTS) == kind


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A list of mounts that has `away` beside the test's other files on a file server."""
    (tmp_path / "away").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nfiler:/export {tmp_path / 'away'} nfs4 rw 0 0\n")
    return mounts


def test_a_database_on_a_network_file_system_is_refused_and_nothing_is_made(tmp_path: Path, mounts: Path) -> None:
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)"):
        Database(tmp_path / "away" / "new" / "jobs.sqlite3", mounts=mounts)
    assert list((tmp_path / "away").iterdir()) == []


def test_a_link_is_followed_to_where_the_database_lies(tmp_path: Path, mounts: Path) -> None:
    (tmp_path / "here").symlink_to(tmp_path / "away")
    with pytest.raises(StoreError, match="network file system"):
        Database(tmp_path / "here" / "jobs.sqlite3", mounts=mounts)


def test_a_database_beside_it_is_not_refused(tmp_path: Path, mounts: Path) -> None:
    with closing(Database(tmp_path / "jobs.sqlite3", mounts=mounts)) as database:
        assert database.rows("SELECT 1")
