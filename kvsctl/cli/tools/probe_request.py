"""From the options of probe to its job: every setting resolved, nothing opened."""

import secrets

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.target import ConfirmOption, YesOption
from kvsctl.cli.options.tools.asking import AskingOptions
from kvsctl.cli.options.tools.probe import ProbeOptions
from kvsctl.cli.tools.asking import asked_basis
from kvsctl.errors import UsageError
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.probe.catalogue import chosen
from kvsctl.jobs.probe.running import Probe
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.records.checks import check_key

_LONGEST_NAME = 40
"""The most characters that follow the prefix in the key of a scratch record."""


def probe_job(given: Given) -> Probe:
    """Return the job of `probe`. Raise UsageError if it cannot be carried out."""
    options = given.of(ProbeOptions)
    questions = chosen(options.ask, may_use_up_quota=options.use_up_quota)
    prefix = f"kvsctl-probe:{secrets.token_hex(4)}:" if options.prefix is None else options.prefix
    if not prefix or check_key(prefix + "x" * _LONGEST_NAME, DEFAULT_LIMITS) is not None:
        raise UsageError(
            "--prefix: keys cannot begin with it, or would be too long",
            "Give a short prefix of letters, digits and : . _ - #.",
        )
    basis = asked_basis(given)
    return Probe(
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        questions=questions,
        prefix=prefix,
        output=options.output,
        has_consent=given.of(YesOption).yes,
        confirmed_target=given.of(ConfirmOption).confirm,
        is_dry_run=options.dry_run,
        reporting=Reporting(as_json=given.of(AskingOptions).json, quiet=options.quiet),
    )
