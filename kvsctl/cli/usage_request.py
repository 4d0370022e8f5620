"""From the options of du to its job."""

from typing import Final

from kvsctl.cli.listing_request import listing_job
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.listing import UsageOptions
from kvsctl.cli.options.selection import PrefixArgument
from kvsctl.cli.request import basis_of
from kvsctl.cli.selectors import listing_plan, with_prefix
from kvsctl.errors import UsageError
from kvsctl.jobs.job import BatchJob
from kvsctl.outputs.forms import Accounting, Printing
from kvsctl.report.console import Environment
from kvsctl.usage.account import Division

_TOP_OF_TABLE: Final = 20
_TOP_OF_JSON: Final = 1000


def du_job(given: Given) -> BatchJob:
    """Return the job of `du`. Raise UsageError if it cannot be carried out."""
    given = with_prefix(given)
    options = given.of(UsageOptions)
    if options.separator == "":
        raise UsageError("--separator: must not be empty", "Write it as in --separator ':'.")
    basis = basis_of(given)
    plan = listing_plan(given, basis.plan)
    is_json = _is_json(options, asks_json=basis.reporting.as_json)
    top = options.top
    if top is None:
        top = _TOP_OF_JSON if is_json else _TOP_OF_TABLE
    within = given.of(PrefixArgument).prefix or ""
    division = Division(options.depth, options.separator, within)
    printing = Printing(form=Accounting(division, top, is_json), in_order=False)
    return listing_job("du", given, basis, plan, printing)


def _is_json(options: UsageOptions, *, asks_json: bool) -> bool:
    if options.as_ == "table" and asks_json:
        raise UsageError("--json and --as table exclude each other", "Give one of them.")
    if options.as_ is not None:
        return options.as_ == "json"
    return asks_json or not Environment.of_process().stdout_is_terminal
