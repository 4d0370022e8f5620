"""When a job on several installations begins no other one: canaries and failed installations."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, FailedInstallations, KvsctlError
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.texts import counted


class Stops:
    """Notes how installations end. `error`: why no other one is begun; None: others may be.

    `canaries` of them come first, and unless each ends with exit code 0, no other is begun. If
    there are only canaries, they stop nothing. `note_canaries` receives the names of new canaries
    before the first is begun.
    """

    def __init__(
        self,
        canaries: int,
        most_failed: MostFailed | None,
        total: int,
        note_canaries: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        self._canaries = min(canaries, total)
        self._note_canaries = note_canaries
        self._earlier: Mapping[str, int | None] = {}
        self._most_failed = most_failed
        self._total = total
        self._failed = 0
        self._has_canaries = False
        self.error: KvsctlError | None = None

    def resume(self, canaries: Mapping[str, int | None]) -> None:
        """Take over the canaries of earlier runs: the exit code of each, None if not finished.

        They are canaries again, and no other installation takes their place.
        """
        self._earlier = canaries
        failed = next(((name, code) for name, code in canaries.items() if code), None)
        if self._canaries and failed is not None and len(canaries) < self._total:
            self.error = _canary_failed(
                *failed,
                "Correct what failed there. Then add --retry-failed if the command has it, or use "
                "another ledger.",
            )

    def rounds(self, targets: Sequence[Target]) -> Iterator[Sequence[Target]]:
        """Yield the installations of each round: canaries, and then all others."""
        if self.error is not None:
            return
        canaries = self._chosen([str(target.installation) for target in targets])
        if canaries:
            self._note_canaries([name for name in canaries if name not in self._earlier])
            self._has_canaries = len(canaries) < len(targets)
            yield [target for target in targets if str(target.installation) in canaries]
            self._has_canaries = False
        others = [target for target in targets if str(target.installation) not in canaries]
        if self.error is None and others:
            yield others

    def _chosen(self, names: Sequence[str]) -> dict[str, None]:
        """Return the canaries among installations that are not finished, in their order."""
        if not self._canaries:
            return {}
        again = [name for name in names if name in self._earlier]
        passed = sum(code is not None for code in self._earlier.values())
        new = [name for name in names if name not in self._earlier]
        return dict.fromkeys([*again, *new[: max(0, self._canaries - passed - len(again))]])

    def note(self, line: InstallationEnd) -> None:
        """Note how the work on an installation ended, or its listing before the first round."""
        if line.exit_code in (None, ExitStatus.OK):
            return
        self._failed += 1
        if self._has_canaries:
            self.error = self.error or _canary_failed(
                line.installation,
                line.exit_code,
                "Correct what failed there, and run the command again.",
            )
        elif self._most_failed is not None and self._most_failed.is_reached(
            self._failed, self._total
        ):
            failed = counted(self._failed, "installation")
            self.error = self.error or FailedInstallations(
                f"gave up after {failed} failed: --stop-after-failed-installations "
                f"{self._most_failed.text} was reached",
                "Correct what failed there, or allow more failures.",
            )


def _canary_failed(installation: str, exit_code: int | None, hint: str) -> KvsctlError:
    return FailedInstallations(
        f"a canary failed ({installation}, exit code {exit_code}): the installations after the "
        "canaries were not begun",
        hint,
    )
