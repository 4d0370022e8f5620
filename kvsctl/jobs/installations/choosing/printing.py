"""Print the installations that a command would work on."""

from collections.abc import AsyncIterator, Sequence

from kvsctl.errors import ExitStatus, UsageError, stdout_failed
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import status_of
from kvsctl.jobs.installations.choosing.choice import Choice
from kvsctl.report.console import Environment
from kvsctl.report.installations.listed import Listed, lines_of, table_of
from kvsctl.service.transport.urls import require_safe


async def print_installations(
    choice: Choice, environment: Environment, *, as_table: bool, allow_http: bool = False
) -> ExitStatus:
    """Print the installations: JSON Lines page by page, or a table of all of them at the end.

    Raise KvsctlError if they cannot be listed to the end, or if the URL of one must not be used:
    it may hold a password.
    """
    if environment.stdout_fd is None:
        raise UsageError("cannot print installations: stdout is closed")
    for one in choice.named:
        if one.url is not None:
            require_safe(one.url, allow_http=allow_http, place=one.url_place)
    rows: list[Listed] = []
    is_empty = True
    async for page in _pages(choice):
        is_empty = is_empty and not page
        if as_table:
            rows += page
        elif (status := _written(environment.stdout_fd, lines_of(page))) is not ExitStatus.OK:
            return status
    if is_empty:
        environment.note("there are no installations")
    return (
        _written(environment.stdout_fd, table_of(rows, environment)) if as_table else ExitStatus.OK
    )


async def _pages(choice: Choice) -> AsyncIterator[Sequence[Listed]]:
    if choice.by_proxy is None:
        yield [Listed(one.installation or "", url=one.url) for one in choice.named]
        return
    async for page in choice.by_proxy.pages():
        yield [Listed(one.id, one.installation_context, one.version) for one in page]


def _written(fd: int, text: bytes) -> ExitStatus:
    """Write to stdout. Return the exit status. Raise StreamError if that fails."""
    try:
        write_all(fd, text)
    except OSError as broken:
        if status_of(broken) is ExitStatus.PIPE_CLOSED:
            return ExitStatus.PIPE_CLOSED
        raise stdout_failed(broken) from broken
    return ExitStatus.OK
