"""An option that several commands have is written once."""

import importlib
import pkgutil
from collections import defaultdict
from typing import Any, get_args

import kvsctl.cli.options
from kvsctl.cli.option_groups import OptionGroup


def _groups() -> set[type[OptionGroup]]:
    """Return all groups of options."""
    for found in pkgutil.walk_packages(kvsctl.cli.options.__path__, "kvsctl.cli.options."):
        importlib.import_module(found.name)
    modules = "kvsctl.cli.options."
    return {one for one in OptionGroup.__subclasses__() if one.__module__.startswith(modules)}


def test_no_two_groups_describe_the_same_option() -> None:
    """Options with the same help and flags are one annotation, which both groups name."""
    found: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    names: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for group in _groups():
        for name, annotation in group.annotations.items():
            for info in get_args(annotation)[1:]:
                if hasattr(info, "param_decls"):
                    what = (name, info.help, info.metavar)
                    found[what].add(id(annotation))
                    names[what].append(f"{group.__name__}.{name}")
    assert len(found) > 100
    assert [names[what] for what, ids in found.items() if len(ids) > 1] == []
