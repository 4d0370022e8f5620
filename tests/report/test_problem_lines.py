from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.report.problem_lines import ProblemLines
from tests.support.outcomes import failed, succeeded


def test_each_failure_is_one_line_and_successes_are_none() -> None:
    written: list[str] = []
    listener = ProblemLines(written.append)
    listener(RecordsRead(3))
    listener(Settled([failed(0), succeeded(1), failed(2)]))
    listener(Settled([succeeded(3)]))
    (text,) = written
    first, second = text.splitlines()
    assert first.startswith(str(failed(0).subject.origin) + ": ")
    assert second.startswith(str(failed(2).subject.origin) + ": ")


def test_text_from_outside_is_escaped() -> None:
    written: list[str] = []
    outcome = failed(0)
    assert outcome.failure is not None
    outcome.failure = outcome.failure._replace(message="\x1b[2J\nnext" + "x" * 1000)
    ProblemLines(written.append)(Settled([outcome]))
    (line,) = written
    assert "\x1b" not in line
    assert line.count("\n") == 1
    assert len(line) < 700
