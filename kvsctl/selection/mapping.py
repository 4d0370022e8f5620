"""How the keys of one store become those of another. Pure."""

import msgspec
from msgspec.structs import replace

from kvsctl.selection.selection import Selection


class KeyMapping(msgspec.Struct, frozen=True):
    """Replaces the prefix `removed` of a key with `before`, and appends `after`.

    No two keys become the same.
    """

    before: str = ""
    after: str = ""
    removed: str = ""

    def mapped(self, key: str) -> str:
        """Return what a key becomes. It must begin with `removed`."""
        return self.before + key[len(self.removed) :] + self.after

    def original(self, key: str) -> str | None:
        """Return the key that becomes `key`; None if there is none."""
        is_long = len(key) >= len(self.before) + len(self.after)
        if not (is_long and key.startswith(self.before) and key.endswith(self.after)):
            return None
        return self.removed + key[len(self.before) : len(key) - len(self.after)]


def mapped_selection(selection: Selection, mapping: KeyMapping) -> Selection:
    """Return a selection of all keys that chosen ones can become, and perhaps others.

    Conditions that are not about keys stay the same. Expressions and ages see the original key.
    """
    if mapping == KeyMapping():
        return selection
    rest = selection.prefix.removeprefix(mapping.removed)
    return replace(
        selection,
        prefix=mapping.before + rest,
        matches=(),
        regexes=(),
        excludes=(),
        shard=None,
        named=mapping.original,
    )
