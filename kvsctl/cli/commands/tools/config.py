"""kvsctl config: where settings come from, and a configuration file that works."""

import os
from typing import Annotated

import typer

from kvsctl.cli.help import Command, Group
from kvsctl.cli.option_groups import Given, takes
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.options.tools.config import InitOptions, JsonOption

config_app = typer.Typer(
    help="Show settings and targets, and write a configuration file.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
)


@config_app.command("path", cls=Command)
def path_command() -> None:
    """Print the path of the configuration file, whether it exists or not."""
    from kvsctl.config.file import config_path

    typer.echo(os.fsencode(config_path(os.environ)))


@config_app.command("show", cls=Command)
@takes(TargetOptions, RunningOptions, JsonOption)
def show_command(given: Given) -> None:
    """Show every setting, and where it comes from: option, environment, file and line, or default.

    Tokens are not shown, only where they come from. If no target is chosen, the settings are those
    for any target.
    """
    from kvsctl.cli.target_choice import target_flags, target_of, with_profile
    from kvsctl.config.file import read_config
    from kvsctl.config.origins import Given as Sources
    from kvsctl.config.origins import all_settings
    from kvsctl.config.settings import resolve_running
    from kvsctl.config.targets import NoTargetError, without_target
    from kvsctl.config.variables import unknown
    from kvsctl.limits import DEFAULT_LIMITS
    from kvsctl.report.console import Environment
    from kvsctl.report.escape import visible
    from kvsctl.report.schema import document_line
    from kvsctl.report.target.settings import settings_document, settings_lines

    config = read_config(os.environ)
    for name in unknown(os.environ):
        Environment.of_process().note(f"{visible(name)} is set, but kvsctl does not read it")
    try:
        target = target_of(given.of(TargetOptions), config)
    except NoTargetError as error:
        Environment.of_process().note(error.message, error.hint)
        target = without_target(os.environ)
    flags = vars(given.of(RunningOptions))
    limits = with_profile(DEFAULT_LIMITS, target)
    running = resolve_running(flags, os.environ, target.section, target.section.place, limits)
    sources = Sources(target_flags(given.of(TargetOptions)), flags, os.environ, config)
    settings = all_settings(sources, target, running)
    if given.of(JsonOption).json:
        document = settings_document(config.path, settings, exists=config.exists)
        typer.echo(document_line(document), nl=False)
        return
    environment = Environment.of_process()
    width = environment.stdout_width if environment.stdout_is_terminal else None
    for line in settings_lines(config.path, settings, exists=config.exists, width=width):
        typer.echo(line)


@config_app.command("targets", cls=Command)
def targets_command(
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """List the targets: those that are built in, and those of the configuration file."""
    from kvsctl.config.file import read_config
    from kvsctl.config.origins import all_targets
    from kvsctl.config.sections import check_names
    from kvsctl.report.schema import document_line
    from kvsctl.report.target.settings import targets_document, targets_lines

    config = read_config(os.environ)
    check_names(config)
    targets = all_targets(config)
    if json:
        document = targets_document(config.path, targets, exists=config.exists)
        typer.echo(document_line(document), nl=False)
        return
    for line in targets_lines(targets):
        typer.echo(line)


@config_app.command("init", cls=Command)
@takes(InitOptions)
def init_command(given: Given) -> None:
    """Add a target to the configuration file, once it has answered a ping.

    Asks for what the options leave out; without a terminal, the options must be complete. A new
    file gets mode 600; one that exists keeps its mode and what is in it.
    """
    from kvsctl.jobs.event_loop import on_a_loop
    from kvsctl.jobs.settings.dialogue import Wanted
    from kvsctl.jobs.settings.init import init
    from kvsctl.report.console import Environment

    environment = Environment.of_process()
    on_a_loop(
        init(Wanted(**vars(given.of(InitOptions))), environment, os.environ), has_network=True
    )
