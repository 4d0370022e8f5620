"""Options in groups: a group is a dataclass of annotated fields, and a command takes groups.

Typer reads a command's options from its signature. `takes` writes that signature from the groups,
so that a command's body receives one `Given` instead of thirty parameters.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any, TypeVar, get_args, get_type_hints

_Group = TypeVar("_Group")


class OnResume(Enum):
    """What an option means for a job that is resumed from its journal.

    A field of a group says it in its annotation: `Annotated[bool, typer.Option(...),
    OnResume.MUST_MATCH]`.
    """

    MUST_MATCH = "must match"
    """It says what the records are or how they are printed: another value is another job."""
    MAY_DIFFER = "may differ"
    """It says where to, how fast or how verbosely: the job stays the same."""
    CHECKED_ELSEWHERE = "checked elsewhere"
    """It names input, output or limits, which are compared by what they are, not by name."""


class Given:
    """The groups of options that a command was called with, by their types."""

    def __init__(self, groups: Iterable[object]) -> None:
        self._groups = {type(group): group for group in groups}

    def of(self, group: type[_Group]) -> _Group:
        """Return the options of a group; its defaults if the command does not take it."""
        given = self._groups.get(group)
        return given if isinstance(given, group) else group()

    def identity(self) -> dict[str, Any]:
        """Return the options that must match when the job is resumed.

        Options that were not given are left out, so that a later version may have more of them.
        """
        return {
            name: value
            for group in self._groups.values()
            for name, rule in resume_rules(type(group)).items()
            if rule is OnResume.MUST_MATCH and (value := getattr(group, name))
        }


def takes(*groups: type) -> Callable[[Callable[[Given], None]], Callable[..., None]]:
    """Make a function of `Given` one that Typer can read options and arguments from.

    Each group is a dataclass whose fields are annotated with `typer.Option` or `typer.Argument`
    and have defaults. A field name may occur in one group only. If one group says what its options
    mean for a journal (`OnResume`), all groups must: raise TypeError if one does not.
    """
    if any(resume_rules(group) for group in groups):
        for group in groups:
            _require_resume_rules(group)

    def decorate(body: Callable[[Given], None]) -> Callable[..., None]:
        owner: dict[str, type] = {}
        parameters: list[inspect.Parameter] = []
        for group in groups:
            hints = get_type_hints(group, include_extras=True)
            for field in _fields(group):
                owner[field.name] = group
                parameters.append(
                    inspect.Parameter(
                        field.name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=_default(field),
                        annotation=hints[field.name],
                    )
                )

        def call(**values: Any) -> None:
            gathered: dict[type, dict[str, Any]] = {group: {} for group in groups}
            for name, value in values.items():
                gathered[owner[name]][name] = value
            body(Given(group(**gathered[group]) for group in groups))

        call.__name__, call.__doc__ = body.__name__, body.__doc__
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return call

    return decorate


def resume_rules(group: type) -> Mapping[str, OnResume]:
    """Return, by field name, what the options of a group mean for a journal."""
    return {
        field.name: extra
        for field in _fields(group)
        for extra in get_args(field.type)
        if isinstance(extra, OnResume)
    }


def _require_resume_rules(group: type) -> None:
    rules = resume_rules(group)
    for field in _fields(group):
        if field.name not in rules:
            raise TypeError(
                f"{group.__name__}.{field.name} does not say what it means for a journal: add "
                "OnResume.MUST_MATCH, MAY_DIFFER or CHECKED_ELSEWHERE to its annotation"
            )


def _fields(group: Any) -> tuple[Field[Any], ...]:
    return fields(group)


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    assert field.default_factory is not MISSING  # noqa: S101
    return field.default_factory()
