"""The targets that need no configuration file."""

from typing import Final

BUILT_IN: Final = {
    "local": "an embedded emulator in this process, on a file",
    "forge": "the public URL of the service",
    "container": "the proxy of a Forge Container",
}
"""What each of them is, by its name."""
