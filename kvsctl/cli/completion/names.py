"""Names that can be completed: from the configuration file, a manifest and the local store.

A file that cannot be read offers nothing: the command says why when it runs. Nothing here imports
the emulator or a YAML parser, which would take longer than everything else at a TAB.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from kvsctl.errors import KvsctlError

_MANIFEST: Final = "manifest.yml"
_ENTITIES: Final = ["app", "storage", "entities"]
_BY_KEY: Final = "by-key"
"""The index that every entity has."""
_MEMBER: Final = re.compile(r"( *)((?:- +)*)(?:([\w-]+) *:)? *([^#]*?) *(?:#.*)?")
"""A line of a manifest: its indentation, its dashes, a member's name and a value."""


class Name(NamedTuple):
    """A value that can be completed, and its description, if there is one."""

    name: str
    summary: str = ""


def targets(environ: Mapping[str, str]) -> list[Name]:
    """Return the built-in targets and those of the configuration file."""
    from kvsctl.config.base_urls import shown_url
    from kvsctl.config.built_in import BUILT_IN
    from kvsctl.config.file import ConfigFile, config_path, read_config

    config = ConfigFile(config_path(environ))
    with suppress(KvsctlError):
        config = read_config(environ)
    own = [name for name in config.sections if name not in BUILT_IN]
    found = [Name(name, summary) for name, summary in BUILT_IN.items()]
    urls = [shown_url(str(config.sections[name].get("url", ""))) for name in own]
    return [*found, *map(Name, own, urls)]


def entities(environ: Mapping[str, str]) -> list[Name]:
    """Return the entities of the app in this folder, and those of the local store."""
    found = dict.fromkeys(declared(_manifest(environ)), f"declared in {_MANIFEST}")
    for name in _stored(environ):
        found.setdefault(name, "in the local store")
    return [Name(name, found[name]) for name in sorted(found)]


def indexes(environ: Mapping[str, str]) -> list[Name]:
    """Return the indexes that the app's manifest declares, and the one that every entity has."""
    found = {_BY_KEY: "free, of every entity"}
    for entity, names in declared(_manifest(environ)).items():
        for name in names:
            found.setdefault(name, f"of {entity}")
    return [Name(*pair) for pair in found.items()]


def declared(manifest: str) -> dict[str, list[str]]:
    """Return the names of the entities of a manifest, each with those of its indexes.

    The manifest must be in block style, as `forge create` writes it.
    """
    found: dict[str, list[str]] = {}
    path: list[tuple[int, str]] = []
    names: list[str] = []
    for line in manifest.splitlines():
        matched = _MEMBER.fullmatch(line)
        if matched is None:
            continue
        spaces, dashes, member, value = matched.groups()
        indent = len(spaces) + len(dashes)  # a dash indents as a space does
        path = [one for one in path if one[0] < indent]
        above = [name for _, name in path]
        if above == _ENTITIES:
            names = [] if dashes else names
            if member == "name":
                found[value.strip("\"'")] = names
        elif above == [*_ENTITIES, "indexes"] and member in (None, "name") and value:
            names.append(value.strip("\"'"))
        if member is not None:
            path.append((indent, member))
    return found


def _manifest(environ: Mapping[str, str]) -> str:
    """Return the text of the manifest in this folder or in one above it; "" without one.

    The search ends at the home folder.
    """
    folder = Path.cwd()
    for one in (folder, *folder.parents):
        with suppress(OSError, UnicodeDecodeError):
            return (one / _MANIFEST).read_text("utf-8")
        if str(one) == environ.get("HOME"):
            break
    return ""


def _stored(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the entities that have or had records in the local store."""
    from kvsctl.config.file import local_database

    path = local_database(environ)
    if not path.is_file():
        return
    import sqlite3

    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store,
    ):
        for (space,) in store.execute("SELECT DISTINCT space FROM bucket"):
            if re.match(r"\w", space):  # neither plain keys nor secrets
                yield space
