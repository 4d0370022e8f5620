"""A second store of a job, and how it is read."""

from typing import Final

import msgspec

from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.errors import CredentialsError, KvsctlError, UsageError
from kvsctl.jobs.connect import credentials_of
from kvsctl.service.auth.credentials import Credentials

_OWN_CREDENTIALS: Final = (
    "Give --from a target of the configuration file that has a token_file or a token_command: "
    "KVSCTL_TOKEN, --token-file and --token-command are for the other store."
)


class StoreSide(msgspec.Struct, frozen=True):
    """A store whose records are compared, and how it is read.

    `plan` is that of a get that skips missing and expired records: comparisons count them as
    absent. `max_duration_seconds`: the most time that its settings allow a job; None: any.
    `wants_headers`: the headers of its answers are shown. `is_source`: it is the store of `--from`.
    """

    target: Target
    plan: RunPlan
    allow_http: bool
    timeout_seconds: float
    max_duration_seconds: int | None = None
    wants_headers: bool = False
    is_source: bool = False

    @property
    def name(self) -> str:
        """The name of the store for people."""
        path = self.target.local_path
        return self.target.display if path is None else f"LOCAL EMULATOR {path}"

    def credentials(self) -> Credentials:
        """Return its credentials. Raise UsageError: see `jobs.connect.credentials_of`."""
        try:
            return credentials_of(self.target, allow_http=self.allow_http)
        except UsageError as error:
            if self.is_source and "KVSCTL_TOKEN" in (error.hint or ""):
                error.hint = _OWN_CREDENTIALS
            raise

    def explained(self, error: KvsctlError) -> KvsctlError:
        """Return an error that ended reading the store, with its name if it is the source."""
        if self.is_source:
            error.message = f"reading from {self.name}: {error.message}"
            if isinstance(error, CredentialsError):
                error.hint = _OWN_CREDENTIALS
        return error
