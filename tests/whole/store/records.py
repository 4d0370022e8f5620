"""The keys and values of the stores, and what somebody else writes to them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final, NamedTuple

from kvsctl.model import Identity
from tests.whole.jobs import POISON

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
_ENTITY: Final = "city"
_PLAIN: Final = [f"{letter}{number}" for letter in "ab" for number in range(12)]
_DATED: Final = ["log-2025-11-02", "log-2025-12-31", "log-none"]
EVERY: Final[Sequence[Identity]] = [
    *(Identity(None, key) for key in (*_PLAIN, *_DATED, *POISON)),
    *(Identity(_ENTITY, key) for key in _PLAIN[:8]),
]
_AGES: Final = (10 * DAY, 3 * HOUR, 60.0)
"""Of records when a world begins. No run lasts so long that one becomes older than a day."""
_LIFETIMES: Final = (None, None, None, -HOUR, 40 * DAY)
"""Of records, from the beginning of a world. They end long before all runs, or after."""


class Version(NamedTuple):
    """A value to be written, and when it was written and expires, in epoch seconds."""

    value: bytes
    created: float
    updated: float
    expires: float | None


def random_store(random: Random, now: float) -> dict[Identity, Version]:
    """Return what a store holds when a world begins: at most all identities."""
    chosen = random.sample(EVERY, random.choice((0, 3, 12, len(EVERY))))
    return {identity: _seeded(random, identity, now) for identity in sorted(chosen, key=str)}


def _seeded(random: Random, identity: Identity, now: float) -> Version:
    updated = now - random.choice(_AGES)
    created = min(updated, now - random.choice(_AGES))
    return Version(random_value(random, identity, now), created, updated, _expiry(random, now))


def random_version(random: Random, identity: Identity, now: float) -> Version:
    """Return what somebody writes now."""
    return Version(random_value(random, identity, now), now, now, _expiry(random, now))


def _expiry(random: Random, now: float) -> float | None:
    lifetime = random.choice(_LIFETIMES)
    return None if lifetime is None else now + lifetime


def random_value(random: Random, identity: Identity, now: float) -> bytes:
    """Return the JSON of a value. That of an entity is an object."""
    drawn = random.random()
    if drawn < 0.15 and identity.entity is None:
        return random.choice([b"true", b'"text"', b"1.50", b"123456789012345678901", b"[]"])
    n = random.choice(["3", "50", "51", "9007199254740993", "1e2", '"60"', "true"])
    members = [f'"n": {n}', f'"pad":"{"x" * random.choice((0, 30, 300))}"']
    if drawn > 0.3:
        members.append(f'"at":{_time(random, now)}')
    random.shuffle(members)
    return ("{" + ", ".join(members) + "}").encode()


def _time(random: Random, now: float) -> str:
    """Return a time as an app may keep it, or something that is none."""
    moment = now - random.choice(_AGES)
    iso = datetime.fromtimestamp(int(moment), UTC).isoformat()
    known = [str(int(moment)), str(int(moment * 1000)), json.dumps(iso)]
    return random.choice([*known, "0", '"soon"', "null"])
