"""A log for programs: one JSON object per line, for everything that a command writes to stderr.

Each has `time` (UTC), `level` (`info`, `warning` or `error`), `event` and the `command`. The other
members depend on the event:

- `started`: `version`, `target`, `shard`, `token_source`; what does not apply is left out.
- `request`, with `-v`: `operation`, `status` (null: no answer), `elapsed_s`, `records`, `units`,
  `retry`, `trace_id`, `trouble`, and with `-vv` `headers`.
- `progress`, every minute: `records`, `done`, `pages`, `records_per_s`, `left_s`, `failed`,
  `retries`, `pause`: see `report.progress`.
- `waiting`: `reason`, `wait_s`, `detail`, `asked_s`. `learnt`: `max_records`, `max_bytes`.
- `problem`: `source`, `code`, `message` of input that is not valid, where each is listed.
- `note`, `warning`: `message`. `error`: `message`, `hint`, `exit_code`.
- `ended`: `report`, the same object as `--json` prints.

No line holds a token or a record's value.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from kvsctl.errors import ExitStatus
from kvsctl.report.schema import document_line
from kvsctl.texts import utc_text

Level: TypeAlias = Literal["info", "warning", "error"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class JsonLog:
    """The log of one command. `write` receives each line, with its line feed."""

    def __init__(
        self, command: str, write: Callable[[bytes], None], now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._command = command
        self._write = write
        self._now = now

    def log(self, event: str, level: Level = "info", **members: Any) -> None:
        """Write an event. Members that are None are left out."""
        moment = utc_text(self._now())
        line = {"time": moment, "level": level, "event": event, "command": self._command}
        given = {name: value for name, value in members.items() if value is not None}
        self._write(document_line(line | given))

    def fail(self, message: str, hint: str | None, status: ExitStatus | None) -> None:
        """Write an error. `status`: the exit code, if no report holds it."""
        code = None if status is None else int(status)
        self.log("error", "error", message=message, hint=hint, exit_code=code)

    def end(self, report: dict[str, Any]) -> None:
        """Write the report of a run."""
        self.log("ended", "info" if report["exit_code"] == 0 else "error", report=report)
