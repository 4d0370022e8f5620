"""What has to hold of the failures file and the output."""

import json

from kvsctl.errors import ExitStatus
from kvsctl.journal.state import JournalState, Stage
from kvsctl.model import Outcome, State
from tests.whole.account import Account, failed
from tests.whole.process import Ended

_OVER = (ExitStatus.OK, ExitStatus.FAILURES)


def check_failures_file(
    account: Account, ended: Ended, after: JournalState, whole: dict[int, Outcome]
) -> None:
    job = account.job
    if not job.shape.has_journal or after.stage is Stage.COMPLETE:
        if ended.is_killed and not job.shape.has_journal:
            return
        if ended.disk_has_failed:
            return
        outcomes = account.outcomes if job.shape.has_journal else whole
        replaced = account.replaced(outcomes) | account.without_line
        expected = [account.source_of(at) for at in failed(outcomes) if at not in replaced]
        assert _sources(job.failed.read_bytes()) == expected
        return
    text = job.failed.read_bytes() if job.failed.exists() else b""
    mark = after.failures
    if after.stage is Stage.ENDED and len(text) < mark.length:
        return  # rewritten, and killed before that was noted
    assert len(text) >= mark.length
    assert _sources(text[: mark.length]) == [
        account.source_of(at)
        for at in failed(account.outcomes)
        if at < mark.through and at not in account.without_line
    ]


def _sources(text: bytes) -> list[str]:
    assert not text or text.endswith(b"\n")
    return [json.loads(line)["source"] for line in text.splitlines()]


def check_output(account: Account, ended: Ended, after: JournalState) -> None:
    job = account.job
    part = job.out.with_name("out.part")
    for at, outcome in ended.books.outcomes.items():
        if outcome.state is State.SUCCEEDED:
            identity = job.lines[at].identity
            assert identity is not None
            assert outcome.found is not None
            assert outcome.found.value.decode() == account.stored[identity]
    if not job.shape.has_journal and (ended.status not in _OVER):
        return
    is_over = not job.shape.has_journal or after.stage is Stage.COMPLETE
    if is_over:
        assert not part.exists()
    path = part if part.exists() else job.out
    text = path.read_bytes() if path.exists() else b""
    if not is_over:
        assert len(text) >= after.output_bytes
        text = text[: after.output_bytes]
    printed = [json.loads(line) for line in text.splitlines()]
    expected = [
        account.line_found(at)
        for at, outcome in sorted(account.outcomes.items())
        if outcome.state is State.SUCCEEDED
    ]
    if not job.shape.is_ordered or account.without_line:
        printed, expected = sorted(printed, key=str), sorted(expected, key=str)
    assert printed == expected
