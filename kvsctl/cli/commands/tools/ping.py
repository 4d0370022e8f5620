"""kvsctl ping: find out whether a target answers, without writing."""

from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.options.tools.asking import AskingOptions
from kvsctl.cli.options.tools.ping import PingOptions


@takes(TargetOptions, PingOptions, AskingOptions)
def ping_command(given: Given) -> None:
    """Find out whether a target answers, without writing.

    Prints the target, whether it takes the credentials, where its token comes from and when that
    ends, how long requests take, and how far the service's clock is from this machine's. Reads a
    key that does not exist.
    """
    import sys

    import typer

    from kvsctl.cli.tools.asking import asked_basis
    from kvsctl.jobs.event_loop import on_a_loop
    from kvsctl.jobs.ping.asking import Ping, ping
    from kvsctl.report.console import Environment
    from kvsctl.report.schema import document_line
    from kvsctl.report.target.ping import pinged_document, pinged_lines

    basis = asked_basis(given)
    count = given.of(PingOptions).count
    job = Ping(basis.target, basis.allow_http, basis.timeout_seconds, count)
    pinged = on_a_loop(ping(job), has_network=basis.target.url is not None)
    if given.of(AskingOptions).json:
        typer.echo(document_line(pinged_document(pinged)), nl=False)
    else:
        for line in pinged_lines(pinged):
            typer.echo(line)
    if pinged.error is not None:
        Environment.of_process().fail(pinged.error.message, pinged.error.hint)
    sys.exit(pinged.status)
