"""kvsctl completion: print the script by which a shell completes kvsctl."""

from enum import Enum
from typing import Annotated

import typer


class Shell(Enum):
    """The shells that can complete kvsctl."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion_command(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.")],
) -> None:
    """Print the script by which a shell completes kvsctl.

    \b
    bash: add this line to ~/.bashrc:  eval "$(kvsctl completion bash)"
    zsh:  kvsctl completion zsh >~/.zfunc/_kvsctl
          with ~/.zfunc in fpath before compinit runs
    fish: kvsctl completion fish >~/.config/fish/completions/kvsctl.fish
    """
    from kvsctl.cli.completion.scripts import SCRIPTS

    typer.echo(SCRIPTS[shell.value], nl=False)
