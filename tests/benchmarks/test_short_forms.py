"""Every benchmark there is passes through its short form, so that none rots. No time is judged."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import figures

pytest_plugins = ["pytester"]

_ROOT = Path(__file__).parents[2]
_SCRIPTS = sorted((_ROOT / "benchmarks").glob("*/run.py"))
_TIMEOUT_SECONDS = 400


def test_there_are_benchmarks() -> None:
    assert {"emulator", "fuzz", "journal", "quota", "shapes", "soak"} <= {
        script.parent.name for script in _SCRIPTS
    }


@pytest.mark.slow
@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda script: script.parent.name)
def test_the_short_form_ends_with_a_result(
    script: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
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
    if "share" in result:
        held, asked = result["held"], result["asked"]
        name = script.parent.name
        record_property("figure", f"{name}: {held} of {asked} held ({result['share']:.2%})")


def test_a_figure_stands_in_the_log(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others only take time
    pytester.makeconftest(f"from {figures.__name__} import pytest_terminal_summary")
    pytester.makepyfile("""
        def test_it(record_property):
            record_property("figure", "fidelity: 3 of 4 held (75.00%)")
    """)
    words = ("-q", "-p", "xdist.plugin", "-p", "no:cacheprovider", "-n", "1")
    shown = pytester.runpytest_subprocess(*words, timeout=120)
    assert "fidelity: 3 of 4 held (75.00%)" in shown.outlines
