"""Options in groups: a group is a class of annotated fields, and a command takes groups.

Typer reads a command's options from its signature. `takes` writes that signature from the groups,
so that a command's body receives one `Given` instead of thirty parameters.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, dataclass_transform, get_args

from kvsctl.errors import UsageError


class OnResume(Enum):
    """What an option means for a job that is resumed from its journal.

    It is in the annotation of the option's field: `Annotated[bool, typer.Option(...),
    OnResume.MUST_MATCH]`.
    """

    MUST_MATCH = "must match"
    """It decides what the records are or how they are printed: another value is another job."""
    MAY_DIFFER = "may differ"
    """It decides where the job works, how fast or how verbosely: the job stays the same."""
    CHECKED_ELSEWHERE = "checked elsewhere"
    """It names input, output or limits: these are compared themselves, not their names."""


def made(*, factory: Callable[[], Any]) -> Any:
    """Return a default for a field of an OptionGroup: `factory` makes a new one for each group."""
    return _Made(factory)


class _Made(NamedTuple):
    factory: Callable[[], Any]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(made,))
class OptionGroup:
    """Options that belong together: fields with an annotation for Typer and a default.

    A group is used like a frozen dataclass. It is not one, because a dataclass compiles its
    methods, which would take a quarter of the time of a help page.
    """

    annotations: ClassVar[Mapping[str, Any]] = {}
    """The annotation of each field, by name."""

    def __init_subclass__(cls) -> None:
        """Collect the fields of a group, after the inherited ones."""
        cls.annotations = {**cls.annotations, **inspect.get_annotations(cls)}

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - self.annotations.keys():
            raise TypeError(f"{type(self).__name__} has no field {min(unknown)}")
        self.__dict__.update({name: self.default(name) for name in self.annotations} | values)

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"cannot assign to {type(self).__name__}.{name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    @classmethod
    def default(cls, name: str) -> Any:
        """Return the default of a field."""
        default = getattr(cls, name)
        return default.factory() if isinstance(default, _Made) else default


_Group = TypeVar("_Group", bound=OptionGroup)


class Given:
    """The groups of options that a command was called with, by their types."""

    def __init__(
        self,
        groups: Iterable[OptionGroup],
        defaults: dict[type[OptionGroup], OptionGroup] | None = None,
    ) -> None:
        self._groups = {type(group): group for group in groups}
        self._defaults = {} if defaults is None else defaults
        """The defaults of groups that were asked for but not given."""

    @property
    def groups(self) -> Iterable[OptionGroup]:
        """All groups."""
        return self._groups.values()

    def of(self, group: type[_Group]) -> _Group:
        """Return the options of a group; its defaults if the command does not take it."""
        given = self._groups.get(group) or self._defaults.get(group)
        if not isinstance(given, group):
            given = self._defaults[group] = group()
        return given

    def has(self, group: type[OptionGroup]) -> bool:
        """Return whether the command takes these options."""
        return group in self._groups

    def having(self, group: OptionGroup) -> "Given":
        """Return the same groups, with this one in place of the one of its type."""
        return Given([*self._groups.values(), group], self._defaults)

    def identity(self) -> dict[str, Any]:
        """Return the options that must match when the job is resumed.

        Options that were not given are left out, so that a later version can add options.
        """
        return {
            name: value
            for group in self._groups.values()
            for name, rule in resume_rules(type(group)).items()
            if rule is OnResume.MUST_MATCH and (value := getattr(group, name))
        }


def takes(*groups: type[OptionGroup]) -> Callable[[Callable[[Given], None]], Callable[..., None]]:
    """Turn a function of `Given` into one whose options and arguments Typer can read.

    The fields of a group are annotated with `typer.Option` or `typer.Argument`. A field name can
    occur in only one group. If one group says what its options mean for a journal (`OnResume`), all
    groups must: raise TypeError if one does not.
    """
    rules = {group: resume_rules(group) for group in groups}
    if any(rules.values()):
        for group in groups:
            _require_resume_rules(group, rules[group])

    def decorate(body: Callable[[Given], None]) -> Callable[..., None]:
        owner: dict[str, type[OptionGroup]] = {}
        parameters: list[inspect.Parameter] = []
        for group in groups:
            for name, annotation in group.annotations.items():
                owner[name] = group
                parameters.append(
                    inspect.Parameter(
                        name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=group.default(name),
                        annotation=annotation,
                    )
                )

        def call(**values: Any) -> None:
            gathered: dict[type[OptionGroup], dict[str, Any]] = {group: {} for group in groups}
            for name, value in values.items():
                _require_file_name(owner[name].annotations[name], name, value)
                gathered[owner[name]][name] = value
            body(Given(group(**gathered[group]) for group in groups))

        call.__name__, call.__doc__ = body.__name__, body.__doc__
        # Typer reads the annotations from here. If they were in `__annotations__` as well, it would
        # resolve each of them, which would take a quarter of the time for making a command.
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return call

    return decorate


_NO_NAME: Final = Path()
"""What an empty file name becomes. No option takes a folder."""


def _require_file_name(annotation: Any, name: str, value: object) -> None:
    """Raise UsageError for an empty file name, such as an unset shell variable leaves."""
    if value == _NO_NAME or (isinstance(value, list | tuple) and _NO_NAME in value):
        [info, *_] = [one for one in get_args(annotation)[1:] if hasattr(one, "param_decls")]
        # Typer keeps the first name of an annotated option in `default`.
        names = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
        flags = [one for one in names if one.startswith("--")]
        is_argument = isinstance(info, _argument_info())
        shown = info.metavar if is_argument else (flags or ["--" + name.replace("_", "-")])[0]
        raise UsageError(
            f"{shown} is empty or a folder: not a file name", "Give it the name of a file."
        )


def _argument_info() -> type:
    from typer.models import ArgumentInfo  # every caller has imported Typer already

    return ArgumentInfo


def resume_rules(group: type[OptionGroup]) -> Mapping[str, OnResume]:
    """Return, by field name, what the options of a group mean for a journal."""
    return {
        name: extra
        for name, annotation in group.annotations.items()
        for extra in get_args(annotation)
        if isinstance(extra, OnResume)
    }


def _require_resume_rules(group: type[OptionGroup], rules: Mapping[str, OnResume]) -> None:
    for name in group.annotations:
        if name not in rules:
            raise TypeError(
                f"{group.__name__}.{name} does not say what it means for a journal: add "
                "OnResume.MUST_MATCH, MAY_DIFFER or CHECKED_ELSEWHERE to its annotation"
            )
