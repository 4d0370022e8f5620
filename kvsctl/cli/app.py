"""The command line, put together from its commands."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import typer

from kvsctl import __version__
from kvsctl.cli.help import Command, Group

_HELP_FLAGS: Final = ("-h", "--help")


def lists_commands(words: Sequence[str]) -> bool:
    """Return whether a command line asks only for the page that lists all commands."""
    return not words or words[0] in _HELP_FLAGS


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with the command that the first word names, or with all of them.

    Loading the other commands and their options would take a tenth of a command's start-up time.
    """
    app, named = _without_commands(), words[0] if words else ""
    for add in [_COMMANDS[named]] if named in _COMMANDS else _COMMANDS.values():
        add(app)
    return app


def commands_by_name() -> typer.Typer:
    """Return the command line with the names and sentences of all commands, without loading any.

    It can show its help page, but no command can be called.
    """
    from kvsctl.cli.commands.sentences import SENTENCES

    app = _without_commands()
    for name, sentence in SENTENCES.items():
        app.command(name, cls=Command, help=sentence)(_do_nothing)
    return app


def _without_commands() -> typer.Typer:
    app = typer.Typer(
        name="kvsctl",
        help="Load, read and clean up Atlassian Forge key-value stores.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        cls=Group,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    return app


def _add_set(app: typer.Typer) -> None:
    from kvsctl.cli.commands.records.set import set_command

    app.command("set", cls=Command)(set_command)


def _add_get(app: typer.Typer) -> None:
    from kvsctl.cli.commands.records.get import get_command

    app.command("get", cls=Command)(get_command)


def _add_delete(app: typer.Typer) -> None:
    from kvsctl.cli.commands.records.delete import delete_command

    app.command("delete", cls=Command)(delete_command)


def _add_list(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.list import list_command

    app.command("list", cls=Command)(list_command)


def _add_export(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.export import export_command

    app.command("export", cls=Command)(export_command)


def _add_du(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.du import du_command

    app.command("du", cls=Command)(du_command)


def _add_diff(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.diff import diff_command

    app.command("diff", cls=Command)(diff_command)


def _add_sync(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.sync import sync_command

    app.command("sync", cls=Command)(sync_command)


def _add_expire(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.expire import expire_command

    app.command("expire", cls=Command)(expire_command)


def _add_clean(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.clean import clean_command

    app.command("clean", cls=Command)(clean_command)


def _add_apply(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.apply import apply_command

    app.command("apply", cls=Command)(apply_command)


def _add_verify(app: typer.Typer) -> None:
    from kvsctl.cli.commands.store.verify import verify_command

    app.command("verify", cls=Command)(verify_command)


def _add_ping(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.ping import ping_command

    app.command("ping", cls=Command)(ping_command)


def _add_probe(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.probe import probe_command

    app.command("probe", cls=Command)(probe_command)


def _add_serve(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.serve import serve_command

    app.command("serve", cls=Command)(serve_command)


def _add_installations(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.installations import installations_command

    app.command("installations", cls=Command)(installations_command)


def _add_journal(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.journal import journal_app

    app.add_typer(journal_app, name="journal")


def _add_report(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.report import report_app

    app.add_typer(report_app, name="report")


def _add_bridge(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.bridge import bridge_app

    app.add_typer(bridge_app, name="bridge")


def _add_config(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.config import config_app

    app.add_typer(config_app, name="config")


def _add_completion(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.completion import completion_command

    app.command("completion", cls=Command)(completion_command)


def _add_help(app: typer.Typer) -> None:
    from kvsctl.cli.commands.tools.help import help_command

    app.command("help", cls=Command)(help_command)


_COMMANDS: Final[dict[str, Callable[[typer.Typer], None]]] = {
    "set": _add_set,
    "get": _add_get,
    "delete": _add_delete,
    "list": _add_list,
    "export": _add_export,
    "du": _add_du,
    "verify": _add_verify,
    "diff": _add_diff,
    "sync": _add_sync,
    "expire": _add_expire,
    "clean": _add_clean,
    "apply": _add_apply,
    "ping": _add_ping,
    "probe": _add_probe,
    "serve": _add_serve,
    "installations": _add_installations,
    "journal": _add_journal,
    "report": _add_report,
    "bridge": _add_bridge,
    "config": _add_config,
    "completion": _add_completion,
    "help": _add_help,
}


def _do_nothing() -> None:
    """Stand in for a command of which only the name is needed."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvsctl {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    del version
