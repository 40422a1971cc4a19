"""File systems: a database on one that another machine serves is refused, because its locks cannot be trusted."""

import os
import re
from pathlib import Path, PurePath

from gepa_next.errors import StoreError

MOUNTS = Path("/proc/self/mounts")
NETWORK = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.curlftpfs",
        "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mount-s3", "fuse.rclone", "fuse.s3fs",
        "fuse.smbnetfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncp", "ncpfs", "nfs", "nfs4", "orangefs",
        "pvfs2", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
_ESCAPED = re.compile(r"\\([0-7]{3})")


def refuse_network(path: Path, *, mounts: Path = MOUNTS) -> None:
    """Raise StoreError if the path lies on a network file system, by a list of mounts as in proc(5)."""
    kind = kind_of(path.resolve(), os.fsdecode(mounts.read_bytes()))
    if kind in NETWORK:
        raise StoreError(
            "network_file_system",
            f"it is on a network file system ({kind}), where locks cannot be trusted; use a local disk",
        )


def kind_of(path: PurePath, mounts: str) -> str:
    """Return the type of the file system that an absolute path lies on, empty if no mount holds it."""
    kind, depth = "", 0
    for line in mounts.splitlines():
        _, escaped, found, *_ = line.split(" ")
        point = PurePath(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), escaped))
        # Of two on one place the later hides the earlier.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = found, len(point.parts)
    return kind
