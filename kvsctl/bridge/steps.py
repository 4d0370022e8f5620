"""The user's next steps once the file of the bridge was written or removed, as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kvsctl.bridge.function import (
    HANDLER,
    LEAST_TOKEN_CHARACTERS,
    READ_TOKEN_VARIABLE,
    STEM,
    TOKEN_VARIABLE,
    TYPESCRIPT,
)

MANIFEST_LINES: Final = f"""\
modules:
  webtrigger:
    - key: {STEM}
      function: {STEM}-function
      response:
        type: dynamic
  function:
    - key: {STEM}-function
      handler: {HANDLER}
permissions:
  scopes:
    - storage:app
"""
"""What the manifest of the app needs. Keys of modules must differ, so the function has its own."""


def steps_after_init(path: Path, config: Path) -> str:
    """Return the next steps after the file was written. `config`: kvsctl's configuration."""
    types = " && npm install -D @types/node" if path.suffix == TYPESCRIPT else ""
    return f"""\
Wrote {path}. Next:

1. Merge the lines on stdout into manifest.yml. They hold no secret.
2. Add the packages that the function imports:
     npm install @forge/kvs{types}
3. Make a token of {LEAST_TOKEN_CHARACTERS} characters or more, and paste it where forge asks:
     (umask 077; openssl rand -hex 32 > ~/my-app-token)
     forge variables set --encrypt {TOKEN_VARIABLE}
   A second one, {READ_TOKEN_VARIABLE}, can only read.
4. Deploy, and let the sites consent to the scope if it is new:
     forge deploy
     forge install --upgrade
5. Create a URL for one installation:
     forge webtrigger create -f {STEM}
6. Describe it to kvsctl, in {config}:
     [targets.my-app]
     kind = "bridge"
     url = "https://…"
     token_file = "~/my-app-token"
   Then try it: kvsctl ping -t my-app
   It also says which installation the bridge is in.
"""


def steps_after_remove(paths: Sequence[Path]) -> str:
    """Return the next steps after the file was removed."""
    names = ", ".join(map(str, paths))
    return f"""\
Removed {names}. Next:

1. Remove the modules {STEM} and {STEM}-function from manifest.yml, and the scope storage:app if
   nothing else in the app uses it.
2. Delete the URL of each installation. Until you deploy, the bridge still answers:
     forge webtrigger list -f {STEM}
     forge webtrigger delete -i ID
     forge deploy
3. Delete its tokens:
     forge variables unset {TOKEN_VARIABLE}
     forge variables unset {READ_TOKEN_VARIABLE}
4. Remove its targets from kvsctl's configuration file, and the token file.
"""
