"""The metrics file: the rules of the format, and what outlives a run."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError
from kvsctl.outputs.metrics import RunMetrics, metrics_text, save_metrics

_LABELS = {"command": "set", "target": "staging"}
_SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (\S+)'
)
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
_OWN = "{" + ",".join(f'{name}="{value}"' for name, value in _LABELS.items()) + "}"
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _run(
    status: ExitStatus = ExitStatus.OK, ended_at: float = 1000.0, tally: Tally | None = None
) -> RunMetrics:
    return RunMetrics(_LABELS, 990.5, ended_at, status, tally)


def _parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read metrics as strictly as the format is defined."""
    assert text.endswith("\n")
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    described: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            described.append(line.split(" ")[2])
            assert "\\" not in line, "nothing there needs an escape"
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2:] == [described[-1], "gauge"], "after its HELP"
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == described[-1], "all samples of a metric are one group"
            labels = frozenset(
                (name, re.sub(r'\\[\\"n]', lambda escape: _ESCAPES[escape[0]], value))
                for name, value in _LABEL.findall(match[2])
            )
            assert (match[1], labels) not in found, "each sample once"
            found[match[1], labels] = float(match[3])
    assert len(set(described)) == len(described), "each metric once"
    return found


def _value(text: str, name: str, **labels: str) -> float | None:
    return _parsed(text).get((name, frozenset({**_LABELS, **labels}.items())))


def test_a_run_in_the_format_of_prometheus() -> None:
    tally = Tally()
    tally.succeeded, tally.failed, tally.requests, tally.units_write = 3_000_000, 2, 7, 5
    text = metrics_text(_run(ExitStatus.FAILURES, 1000.25, tally), {_OWN: 5.0})
    assert _value(text, "kvsctl_last_run_exit_code") == 1
    assert _value(text, "kvsctl_last_run_timestamp_seconds") == 1000.25
    assert _value(text, "kvsctl_last_run_duration_seconds") == 9.75
    assert _value(text, "kvsctl_last_success_timestamp_seconds") == 5.0
    assert _value(text, "kvsctl_last_run_records", outcome="succeeded") == 3_000_000
    assert _value(text, "kvsctl_last_run_records", outcome="failed") == 2
    assert _value(text, "kvsctl_last_run_units", kind="write") == 5
    assert text.startswith("# HELP kvsctl_last_run_exit_code Exit code of the last run.\n")


@given(st.text(), st.text())
def test_labels_are_escaped_so_that_they_come_back(target: str, installation: str) -> None:
    labels = {"target": target, "installation": installation}
    text = metrics_text(replace(_run(), labels=labels))
    shown = {name: value.encode("utf-8", "replace").decode() for name, value in labels.items()}
    assert all(labels == frozenset(shown.items()) for _, labels in _parsed(text))


def test_a_command_that_had_no_run_has_no_records() -> None:
    text = metrics_text(_run(ExitStatus.USAGE))
    assert {name for name, _ in _parsed(text)} == {
        "kvsctl_last_run_exit_code",
        "kvsctl_last_run_timestamp_seconds",
        "kvsctl_last_run_duration_seconds",
    }


class TestTheFile:
    def test_keeps_the_last_success_of_an_earlier_run_of_the_same_job(self, tmp_path: Path) -> None:
        path = tmp_path / "job.prom"
        for status, ended_at, last in [
            (ExitStatus.USAGE, 1000.0, None),
            (ExitStatus.OK, 2000.125, 2000.125),
            (ExitStatus.FAILURES, 3000.0, 2000.125),
            (ExitStatus.WORK_LEFT, 4000.0, 2000.125),
            (ExitStatus.OK, 5000.0, 5000.0),
        ]:
            save_metrics(path, _run(status, ended_at))
            text = path.read_text()
            assert _value(text, "kvsctl_last_success_timestamp_seconds") == last
            assert _value(text, "kvsctl_last_run_exit_code") == status
        save_metrics(path, replace(_run(ExitStatus.USAGE), labels={"command": "delete"}))
        assert "last_success" not in path.read_text(), "that was another job"

    def test_keeps_the_successes_of_all_targets_if_none_was_chosen_yet(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "job.prom"
        save_metrics(path, _run(ended_at=2000.0, tally=Tally()))
        command = {"command": _LABELS["command"]}
        save_metrics(path, replace(_run(ExitStatus.USAGE), labels=command))
        assert _value(path.read_text(), "kvsctl_last_success_timestamp_seconds") == 2000.0
        save_metrics(path, _run(ExitStatus.FAILURES, 3000.0, Tally()))
        assert _value(path.read_text(), "kvsctl_last_success_timestamp_seconds") == 2000.0

    def test_is_replaced_as_a_whole_and_readable_for_others(self, tmp_path: Path) -> None:
        path = tmp_path / "job.prom"
        save_metrics(path, _run(tally=Tally()))
        with path.open() as reader:
            save_metrics(path, _run(ExitStatus.FAILURES))
            assert 'outcome="succeeded"' in reader.read(), "a reader has the old content"
        umask = os.umask(0)
        os.umask(umask)
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
        assert [entry.name for entry in tmp_path.iterdir()] == ["job.prom"]

    @pytest.mark.parametrize("content", ["data\n", "# HELP node_up x\n"])
    def test_of_another_kind_stays_as_it_is(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "job.prom"
        path.write_text(content)
        with pytest.raises(StreamError, match="cannot replace the metrics file"):
            save_metrics(path, _run())
        assert path.read_text() == content

    def test_that_cannot_be_written_stays_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "job.prom"
        save_metrics(path, _run())
        before = path.read_bytes()

        def fail(fd: int, chunk: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("kvsctl.outputs.metrics.write_all", fail)
        with pytest.raises(StreamError, match="No space left on device"):
            save_metrics(path, _run(ExitStatus.FAILURES))
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["job.prom"]

    @pytest.mark.parametrize("kind", ["pipe", "link to a device"])
    def test_that_is_not_a_regular_file_is_not_replaced(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "job.prom"
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(os.devnull)
        before = path.stat()
        with pytest.raises(StreamError, match="not a regular file"):
            save_metrics(path, _run())
        assert os.path.samestat(path.stat(), before)

    @pytest.mark.parametrize("name", ["missing/job.prom", "."])
    def test_in_no_place_is_an_error(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(StreamError, match="metrics file"):
            save_metrics(tmp_path / name, _run())

    def test_behind_a_link_is_replaced_and_the_link_stays(self, tmp_path: Path) -> None:
        path, link = tmp_path / "job.prom", tmp_path / "link.prom"
        link.symlink_to(path)
        save_metrics(link, _run())
        assert link.is_symlink()
        assert path.read_text().startswith("# HELP kvsctl_")
