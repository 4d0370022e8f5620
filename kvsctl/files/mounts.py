"""Detect network file systems, on systems that list their mounts."""

import os
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/mounts")
_NETWORK: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs",
        "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3",
        "smbfs",
    }
)  # fmt: skip


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Return the type of the network file system that holds `path`; None for any other or unknown.

    `mounts` is text in the format of /proc/mounts, by default that of this machine.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
        except OSError:
            return None
    real = Path(os.path.realpath(path))
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # Spaces and similar characters are octal escapes.
        folder = Path(fields[1].encode("latin-1", "replace").decode("unicode_escape"))
        # If two mounts have the same folder, the later one hides the other.
        if real.is_relative_to(folder) and len(folder.parts) >= best:
            best, kind = len(folder.parts), fields[2]
    return kind if kind in _NETWORK else None
