"""Variables of the environment whose names are nearly right."""

import re
from pathlib import Path

import pytest

import kvsctl
from kvsctl.cli.help.topics import TOPICS
from kvsctl.config.settings import RUNNING
from kvsctl.config.variables import DOCUMENTED, require_known, unknown
from kvsctl.errors import UsageError


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("KVSCTL_TIMOUT", "Did you mean KVSCTL_TIMEOUT? If not, unset KVSCTL_TIMOUT."),
        ("KVSCTL_QUOTASHARE", "Did you mean KVSCTL_QUOTA_SHARE? If not, unset KVSCTL_QUOTASHARE."),
        ("KVSCTL_TARGE", "Did you mean KVSCTL_TARGET? If not, unset KVSCTL_TARGE."),
        ("KVSCTL_READONLY", "Did you mean KVSCTL_READ_ONLY? If not, unset KVSCTL_READONLY."),
        ("KVSCTL_CONFI", "Did you mean KVSCTL_CONFIG? If not, unset KVSCTL_CONFI."),
    ],
)
def test_a_name_that_is_nearly_right_is_an_error(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown variable {name}$") as caught:
        require_known(["HOME", name])
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "name",
    [
        *("KVSCTL_TEST_INSTALLED", "KVSCTL_VERSION", "KVSCTL_HOME", "KVSCTL_", "XKVSCTL_TIMOUT"),
        *("KVSCTL_TOKEN_A", "KVSCTL_URL_2", "KVSCTL_TARGETS"),
    ],
)
def test_a_name_of_another_program_is_not_an_error(name: str) -> None:
    require_known([name])


def test_every_variable_that_the_code_reads_is_known() -> None:
    sources = Path(kvsctl.__file__).parent.rglob("*.py")
    read = {
        name
        for source in sources
        for name in re.findall(r"(?<!_)\bKVSCTL_[A-Z_]*[A-Z]\b", source.read_text("utf-8"))
    }
    assert {"KVSCTL_TARGET", "KVSCTL_BRIDGE_TOKEN", "KVSCTL_SPLIT_SLABS"} <= read
    read -= {"KVSCTL_READONLY", "KVSCTL_TOKEN_PROD", "KVSCTL_NAME"}  # examples, a placeholder
    assert unknown(read) == []


def test_every_documented_variable_is_in_the_help() -> None:
    rows = [name for _, table in TOPICS["environment"].tables for name, _ in table]
    named = {name for row in rows for name in re.findall(r"KVSCTL_(\w+)", row)}
    assert named - {name.upper() for name in RUNNING} == DOCUMENTED - {
        name.upper() for name in RUNNING
    }
