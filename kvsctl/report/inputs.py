"""What a report says of the files that were read."""

from collections.abc import Sequence

from kvsctl.records.sources import File, Source
from kvsctl.report.escape import visible


def inputs_read(sources: Sequence[Source]) -> list[dict[str, str | None]]:
    """One for each file: its name, the form and the compression that were found of it.

    They are None for what was not looked into, and for what is not compressed.
    """
    return [
        {
            "source": source.label,
            "format": None if source.format is None else source.format.value,
            "compression": None if source.compression is None else source.compression.value,
        }
        for source in sources
        if isinstance(source, File)
    ]


def input_lines(sources: Sequence[Source]) -> list[str]:
    """The same in words, for `-v`."""
    return [
        f"input {visible(str(one['source']))}: "
        + ", ".join(str(one[name]) for name in ("format", "compression") if one[name])
        for one in inputs_read(sources)
        if one["format"]
    ]
