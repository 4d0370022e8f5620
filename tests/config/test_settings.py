"""Settings of how a run works, and where each came from."""

from typing import Any

import pytest

from kvsctl.config.settings import Running, resolve_running
from kvsctl.errors import UsageError

_PLACE = "config.toml:3: [targets.s] {}".format


def _resolve(
    flags: dict[str, int | float | str | None] | None = None,
    environ: dict[str, str] | None = None,
    section: dict[str, Any] | None = None,
) -> Running:
    return resolve_running(flags or {}, environ or {}, section or {}, _PLACE)


def test_defaults() -> None:
    running = _resolve()
    assert (running.batch_size, running.max_batch_bytes) == (25, 4_000_000)
    assert running.max_failures is None


def test_flag_beats_environment_beats_section() -> None:
    section = {"concurrency": 3}
    environ = {"KVSCTL_CONCURRENCY": "2"}
    assert _resolve(section=section).concurrency == 3
    assert _resolve(environ=environ, section=section).concurrency == 2
    assert _resolve({"concurrency": 1}, environ, section).concurrency == 1
    assert _resolve({"concurrency": None}, environ, section).concurrency == 2


@pytest.mark.parametrize(
    ("flags", "environ", "section", "where"),
    [
        ({"concurrency": 0}, {}, {}, "--concurrency"),
        ({"batch_size": 26}, {}, {}, "--batch-size"),
        ({}, {"KVSCTL_RETRIES": "many"}, {}, "KVSCTL_RETRIES"),
        ({}, {"KVSCTL_RETRIES": "1.5"}, {}, "KVSCTL_RETRIES"),
        ({}, {"KVSCTL_TIMEOUT": "nan"}, {}, "KVSCTL_TIMEOUT"),
        ({}, {"KVSCTL_TIMEOUT": "inf"}, {}, "KVSCTL_TIMEOUT"),
        ({}, {}, {"timeout": True}, "[targets.s] timeout"),
        ({}, {}, {"retries": "x"}, "[targets.s] retries"),
        ({}, {}, {"retries": []}, "[targets.s] retries"),
        ({"max_duration": "1.5h"}, {}, {}, "--max-duration"),
        ({"max_duration": "0m"}, {}, {}, "--max-duration"),
        ({}, {"KVSCTL_MAX_DURATION": ""}, {}, "KVSCTL_MAX_DURATION"),
        ({}, {}, {"max_duration": True}, "[targets.s] max_duration"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(
    flags: dict[str, int | float | str | None],
    environ: dict[str, str],
    section: dict[str, Any],
    where: str,
) -> None:
    with pytest.raises(UsageError) as caught:
        _resolve(flags, environ, section)
    assert where in caught.value.message


def test_a_duration_has_a_unit_or_is_in_seconds() -> None:
    assert _resolve().max_duration is None
    assert _resolve({"max_duration": "55m"}).max_duration == 3300
    assert _resolve(environ={"KVSCTL_MAX_DURATION": "90"}).max_duration == 90
    assert _resolve(section={"max_duration": 90}).max_duration == 90
    assert _resolve(section={"max_duration": "1h"}).max_duration == 3600


@pytest.mark.parametrize("name", ["timeout", "patience"])
def test_seconds_with_a_fraction_may_have_a_unit_too(name: str) -> None:
    for given, seconds in (("5s", 5.0), ("2m", 120.0), ("0.5", 0.5), ("30", 30.0)):
        assert getattr(_resolve({name: given}), name) == seconds
        assert getattr(_resolve(environ={f"KVSCTL_{name.upper()}": given}), name) == seconds
        assert getattr(_resolve(section={name: given}), name) == seconds
    assert getattr(_resolve(section={name: 30}), name) == 30
    with pytest.raises(UsageError, match="not a duration"):
        _resolve({name: "soon"})
    with pytest.raises(UsageError, match=r"expected 0\.001 to [0-9,]+ seconds, not 365d$"):
        _resolve({name: "365d"})
    with pytest.raises(UsageError) as caught:
        _resolve({name: "soon"})
    assert caught.value.hint == "Write it as 0.5s, 45s or 2m."
