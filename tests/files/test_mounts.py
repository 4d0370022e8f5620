"""Network file systems are detected by the table of mounts."""

from pathlib import Path

import pytest

from kvsctl.files.mounts import network_file_system

_MOUNTS = """\
/dev/sda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/local ext4 rw 0 0
//nas/share /mnt/two\\040words cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
tmpfs /mnt/over tmpfs rw 0 0
host:/x /mnt/over nfs rw 0 0
odd
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/job", None),
        ("/home/ada/job", "nfs4"),
        ("/home/local/job", None),
        ("/homes/job", None),
        ("/mnt/two words/job", "cifs"),
        ("/mnt/ssh/x/../job", "fuse.sshfs"),
        ("/mnt/over/job", "nfs"),
    ],
)
def test_the_nearest_mount_counts(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), _MOUNTS) == kind


def test_without_a_matching_mount_the_result_is_none(tmp_path: Path) -> None:
    assert network_file_system(tmp_path / "job", "") is None
    assert network_file_system(tmp_path / "job") is None
