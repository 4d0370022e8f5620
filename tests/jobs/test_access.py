"""Whether a job may write to its target, and a client that refuses to all the same."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.config.targets import Target
from kvsctl.errors import Defect, KvsctlError, UsageError
from kvsctl.jobs.access import require_permitted
from kvsctl.jobs.connect import connected
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Identity, Record, Verb
from kvsctl.report.console import Environment
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.wire import MetadataRequest
from tests.jobs.test_runner import job

_NOBODY = Environment(None, None, False, False, False, False, 80)


def _job(
    tmp_path: Path, verb: Verb, *, is_read_only: bool, is_protected: bool, confirmed: str | None
) -> BatchJob:
    words = ["a=1"] if verb is Verb.SET else ["a"]
    plain = job(verb, words, tmp_path / "db")
    target = replace(plain.target, is_read_only=is_read_only, is_protected=is_protected)
    return replace(plain, target=target, confirmed_target=confirmed)


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("is_read_only", [False, True])
@pytest.mark.parametrize("is_protected", [False, True])
@pytest.mark.parametrize("confirmed", [None, "local", "other"])
def test_a_write_needs_a_target_that_allows_it_and_its_name_if_it_is_protected(
    tmp_path: Path, verb: Verb, is_read_only: bool, is_protected: bool, confirmed: str | None
) -> None:
    one = _job(
        tmp_path, verb, is_read_only=is_read_only, is_protected=is_protected, confirmed=confirmed
    )
    is_named = confirmed == "local" or (confirmed is None and not is_protected)
    is_rehearsal_of_it = verb is Verb.GET and confirmed != "other"
    if is_rehearsal_of_it or (is_named and not is_read_only):
        require_permitted(one, _NOBODY)
        return
    with pytest.raises(UsageError, match="nothing was sent"):
        require_permitted(one, _NOBODY)


@pytest.mark.parametrize(
    ("is_read_only", "may_write", "refusal"),
    [
        (False, True, None),
        (False, False, Defect),
        (True, True, UsageError),
        (True, False, UsageError),
    ],
)
def test_a_client_that_may_not_write_does_not(
    tmp_path: Path, is_read_only: bool, may_write: bool, refusal: type[KvsctlError] | None
) -> None:
    target = Target("local", local_path=tmp_path / "db", is_read_only=is_read_only)
    record = Record(0, "f", 1, Identity(None, "a"), b'{"key":"a","value":1}')

    async def work() -> None:
        async with connected(
            target,
            Credentials(None, bearer),
            timeout_seconds=10.0,
            asked=MetadataRequest(),
            wants_headers=False,
            may_write=may_write,
        ) as service:
            await service.call(Verb.SET, [record])

    if refusal is None:
        asyncio.run(work())
        return
    with pytest.raises(refusal):
        asyncio.run(work())
