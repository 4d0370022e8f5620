"""Questions about reads: keys that do not exist, and what queries return."""

import math
from collections.abc import Mapping
from typing import Final

from kvsctl.jobs.probe.questions import Cost, Finding, Question
from kvsctl.jobs.probe.scratch import GET, Scratch, lists_of
from kvsctl.jsontext import json_line

_POLL_SECONDS: Final = 0.5
_LONGEST_LAG_SECONDS: Final = 60.0
_APART_SECONDS: Final = 1.5
"""How long after a record its second version is written: their times then differ."""
_LEAST_LAG_SECONDS: Final = 1.0
"""A shorter lag may be the time that requests take."""


async def _find_missing_keys(scratch: Scratch) -> Finding:
    key = scratch.key("missing")
    answer = await scratch.request(GET, json_line([{"key": key}]))
    if answer.fault is not None:
        return Finding.nothing(f"the whole read was refused with {answer.fault.code}")
    lists = lists_of(answer)
    if key in lists.succeeded:
        return Finding.nothing("a key that was never written was found")
    if key in lists.failed:
        return Finding({"missing-keys": "failed"}, notes=(f"its code is {lists.failed[key]}",))
    return Finding({"missing-keys": "left-out"})


async def _find_queries(scratch: Scratch) -> Finding:
    await scratch.set("queried", b'"first"')
    await scratch.pause(_APART_SECONDS)
    await scratch.set("queried", b'"second"')
    began = scratch.now()
    while (listed := await scratch.listed("queried")) is None or listed["value"] != b'"second"':
        if scratch.now() - began > _LONGEST_LAG_SECONDS:
            return Finding.nothing(f"no query showed the write within {_LONGEST_LAG_SECONDS:g} s")
        await scratch.pause(_POLL_SECONDS)
    lag = scratch.now() - began
    answers = {"query-lag": math.ceil(lag * 2) / 2 if lag >= _LEAST_LAG_SECONDS else 0.0}
    read = await scratch.get("queried")
    metadata = None if read is None else _metadata_of(read, listed)
    if metadata is None:
        return Finding(answers, notes=("batch/get did not return the times to compare with",))
    return Finding({**answers, "query-metadata": metadata})


def _metadata_of(read: Mapping[str, bytes], listed: Mapping[str, bytes]) -> str | None:
    """Return the state of the times in a query, compared with those of a read."""
    created, updated = read.get("createdAt"), read.get("updatedAt")
    if created is None or updated is None or created == updated:
        return None
    if "createdAt" not in listed or "updatedAt" not in listed:
        return "omitted"
    return "current" if listed["updatedAt"] == updated else "stale"


QUESTIONS: Final = (
    Question(
        name="missing-keys",
        asks="Where does batch/get list a key that does not exist?",
        method="Read a key that was never written.",
        meanings={
            "missing-keys": {
                "failed": "in failedKeys",
                "left-out": "in neither list",
            }
        },
        cost=Cost(requests=1, read_units=1),
        find=_find_missing_keys,
    ),
    Question(
        name="queries",
        asks="How late do queries show a write, and with which times?",
        method="Write a record twice, query until the second version is shown, and compare its "
        "createdAt and updatedAt with those of batch/get.",
        meanings={
            "query-lag": {0.0: "at once"},
            "query-metadata": {
                "current": "with the times of batch/get",
                "stale": "with an updatedAt that is too early",
                "omitted": "without createdAt or updatedAt",
            },
        },
        cost=Cost(
            records=1, requests=124, read_units=121, write_units=3, sent_bytes=600, seconds=62
        ),
        find=_find_queries,
    ),
)
