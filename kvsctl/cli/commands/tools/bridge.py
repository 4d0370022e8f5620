"""kvsctl bridge: put the web trigger that kvsctl calls into a Forge app, or take it out."""

from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.help import Command, Group

bridge_app = typer.Typer(
    help="Let kvsctl reach the stores of a Forge app.\n\n"
    "A bridge is a function in the app, behind a web trigger: kvsctl calls it from any machine.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
)
_Folder = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="Folder of the app, which has its manifest.yml.")
]


@bridge_app.command("init", cls=Command)
def init_command(
    folder: _Folder = Path(),
    typescript: Annotated[
        bool, typer.Option("--typescript", help="Write TypeScript in place of JavaScript.")
    ] = False,
) -> None:
    """Put a bridge into an app.

    Writes src/kvsctl-bridge.js, and prints the lines that manifest.yml needs. It is a function that
    reads and writes the store of the installation in which it is called, for callers that have a
    token. It holds no secret. Another file of this name is never replaced.
    """
    import os

    from kvsctl.bridge.app_folder import init
    from kvsctl.bridge.function import JAVASCRIPT, TYPESCRIPT
    from kvsctl.bridge.steps import MANIFEST_LINES, steps_after_init
    from kvsctl.config.file import config_path

    path = init(folder, TYPESCRIPT if typescript else JAVASCRIPT)
    typer.echo(MANIFEST_LINES, nl=False)
    typer.echo(steps_after_init(path, config_path(os.environ)), nl=False, err=True)


@bridge_app.command("remove", cls=Command)
def remove_command(folder: _Folder = Path()) -> None:
    """Take a bridge out of an app.

    Removes src/kvsctl-bridge.js or .ts, and says how to remove its URLs and tokens.
    """
    from kvsctl.bridge.app_folder import remove
    from kvsctl.bridge.steps import steps_after_remove

    typer.echo(steps_after_remove(remove(folder)), nl=False, err=True)
