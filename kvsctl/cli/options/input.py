"""Files and keys to work on."""

import os
from pathlib import Path
from typing import Annotated

import typer

from kvsctl.cli.option_groups import OnResume, OptionGroup, made
from kvsctl.cli.options import panels


def resolved_shard(text: str | None) -> str | None:
    """Return the value of `--shard`, with `auto` replaced by I/N. Raise UsageError."""
    if text is None or not text.startswith("auto"):
        return text
    from kvsctl.config.array_jobs import is_automatic, shard_of_task  # few jobs are in arrays

    return shard_of_task(text, os.environ) if is_automatic(text) else text


class FileOption(OptionGroup):
    """Files to work on."""

    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Read FILE; - is stdin. Repeatable.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = made(factory=list)


class InputOptions(FileOption):
    """Files to work on, and the entity of what is in them."""

    entity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help='Default entity for records without "entityName".',
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None


class ManifestOption(OptionGroup):
    """Whether exports are checked against their manifests before they are read."""

    ignore_manifest: Annotated[
        bool,
        typer.Option(
            "--ignore-manifest",
            help="Read files that do not match the manifests beside them.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MAY_DIFFER,
    ] = False


class NullOption(OptionGroup):
    """How plain keys are separated."""

    null: Annotated[
        bool,
        typer.Option(
            "--null",
            "-0",
            help="Read plain keys that end in NUL instead of line feed.",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = False


class KeysArgument(OptionGroup):
    """Keys on the command line."""

    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Plain keys."),
        OnResume.CHECKED_ELSEWHERE,
    ] = None


class WorkersOption(OptionGroup):
    """The number of parts to work in, each in a process of its own."""

    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=999,
            help="Work in N processes, each on one of N parts of the keys; they divide the quota.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.CHECKED_ELSEWHERE,
    ] = None
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With --workers: work in N parts on a Dask cluster, such as tcp://scheduler:8786.",
            rich_help_panel=panels.RUNNING,
        ),
        OnResume.MAY_DIFFER,
    ] = None


class ShardOption(OptionGroup):
    """Which part of the keys to work on."""

    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            callback=resolved_shard,
            help="Work only on the I-th of N parts of the keys, with 1/N of the quota share, or of "
            "several installations. auto: the part of this task of an array job (Kubernetes, "
            "Slurm, AWS Batch).",
            rich_help_panel=panels.INPUT,
        ),
        OnResume.MUST_MATCH,
    ] = None
