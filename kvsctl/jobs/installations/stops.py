"""When a job on several installations begins no other one: canaries and failed installations."""

from collections.abc import Iterator

from kvsctl.errors import ExitStatus, KvsctlError, TargetError
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.texts import counted


class Stops:
    """Notes how installations end. `error` says why no other one is begun; None: others may be.

    `canaries` of them come first, and each must end with exit code 0.
    """

    def __init__(self, canaries: int, most_failed: MostFailed | None, total: int) -> None:
        self._canaries = min(canaries, total)
        self._most_failed = most_failed
        self._total = total
        self._failed = 0
        self._has_canaries = False
        self.error: KvsctlError | None = None

    def rounds(self) -> Iterator[int | None]:
        """Yield how many installations to work on before the next round; None: all others."""
        if self._canaries:
            self._has_canaries = True
            yield self._canaries
            self._has_canaries = False
        if self.error is None:
            yield None

    def note(self, line: InstallationEnd) -> None:
        """Note how the work on an installation ended, or its listing before the first round."""
        if line.exit_code in (None, ExitStatus.OK):
            return
        self._failed += 1
        if self._has_canaries:
            self.error = self.error or TargetError(
                f"a canary failed ({line.installation}, exit code {line.exit_code}): the "
                "installations after the canaries were not begun",
                "Correct what failed there, and run the command again.",
            )
        elif self._most_failed is not None and self._most_failed.is_reached(
            self._failed, self._total
        ):
            failed = counted(self._failed, "installation")
            self.error = self.error or TargetError(
                f"gave up after {failed} failed: --stop-after-failed-installations "
                f"{self._most_failed.text} was reached",
                "Correct what failed there, or allow more failures.",
            )
