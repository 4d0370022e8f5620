"""Options in groups: a dataclass of annotated fields is a group, a command takes groups.

Typer reads a command's options from its signature. This writes that signature from the groups,
so that a command's body gets a few frozen objects instead of thirty parameters.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, get_type_hints


def takes(*groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes `body(group, …)` a function that Typer can take options and arguments for.

    Each group is a dataclass whose fields are annotated with `typer.Option` or
    `typer.Argument` and have defaults. No field name stands in two groups.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        owner: dict[str, type] = {}
        parameters: list[inspect.Parameter] = []
        for group in groups:
            hints = get_type_hints(group, include_extras=True)
            for field in fields(group):
                default = field.default
                if default is MISSING:
                    assert field.default_factory is not MISSING  # noqa: S101
                    default = field.default_factory()
                owner[field.name] = group
                parameters.append(
                    inspect.Parameter(
                        field.name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=default,
                        annotation=hints[field.name],
                    )
                )

        def call(**values: Any) -> None:
            gathered: dict[type, dict[str, Any]] = {group: {} for group in groups}
            for name, value in values.items():
                gathered[owner[name]][name] = value
            body(*(group(**gathered[group]) for group in groups))

        call.__name__, call.__doc__ = body.__name__, body.__doc__
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return call

    return decorate
