"""Every benchmark there is passes through its short form, so that none rots. No time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SCRIPTS = sorted((_ROOT / "benchmarks").glob("*/run.py"))
_TIMEOUT_SECONDS = 400


def test_there_are_benchmarks() -> None:
    assert {"emulator", "fuzz", "journal", "quota", "shapes", "soak"} <= {
        script.parent.name for script in _SCRIPTS
    }


@pytest.mark.slow
@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda script: script.parent.name)
def test_the_short_form_ends_with_a_result(script: Path, tmp_path: Path) -> None:
    saved = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, script, "--short", "--save", saved],
        cwd=tmp_path,
        capture_output=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result == json.loads(saved.read_bytes())
    assert result["benchmark"] == script.parent.name
    assert result["conditions"]["short"] is True
    assert len(result) > 2, "it measured nothing"
