"""Which token files are refused for their modes."""

from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.service.auth.credentials import TokenFile
from tests.support.needs import IS_POSIX, only_on

TOKEN = "s3cret-token.value_1"


@only_on(IS_POSIX, "Windows has no modes")
class TestModes:
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
    def test_a_token_file_of_the_user_or_a_group_is_read(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "token"
        path.write_text(TOKEN)
        path.chmod(mode)
        TokenFile(path).require_readable()

    @pytest.mark.parametrize("mode", [0o644, 0o604, 0o444])
    def test_one_that_every_user_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "my token"
        path.write_text(TOKEN)
        path.chmod(mode)
        (tmp_path / "link").symlink_to(path)
        for given in (path, tmp_path / "link"):
            with pytest.raises(UsageError) as caught:
                TokenFile(given).require_readable()
            assert caught.value.message == (
                f"token file {given} can be read by every user of this machine (mode {mode:o})"
            )
        assert "s3cret" not in f"{caught.value.message}{caught.value.hint}"
        with pytest.raises(UsageError) as caught:
            TokenFile(path).require_readable()
        assert f"chmod 600 '{path}'" in str(caught.value.hint)
