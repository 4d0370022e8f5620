"""Expressions over records, in JMESPath. Imported only if there is one.

`jmespath` is used as it is, with these differences, so that no record is chosen by mistake:

- Numbers are exact, however large: see `exact`. `to_number` reads JSON numbers only.
- `true` and `false` never equal a number, even inside arrays and objects.
- A number and a text have no order: comparing them gives null.
- There is one more function, `time`: epoch milliseconds of a time as apps keep it. See `epochs`.
- Functions and names of members are checked when the expression is compiled.
"""

import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from jmespath import Options, compile, exceptions  # noqa: A004
from jmespath.functions import Functions, signature
from jmespath.visitor import TreeInterpreter

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.selection.content.candidate import MEMBERS
from kvsctl.selection.content.epochs import epoch_of
from kvsctl.selection.content.exact import number_of
from kvsctl.texts import counted

_HINT: Final = (
    "Texts are written in single quotes ('abc'), numbers, true and false in backticks (`5`), "
    "and equality as ==. See https://jmespath.org."
)
_SAME_PLACE: Final = frozenset(
    {"comparator", "and_expression", "or_expression", "not_expression", "function_expression"}
    | {"multi_select_list", "multi_select_dict", "key_val_pair"}
)
"""Nodes whose parts all read the same data as the node itself."""
_WHOLE: Final = frozenset({"current", "identity"})
_OTHERS: Final = frozenset({"literal", "index", "slice", "expref"})
"""Nodes that read nothing, or the elements of an array."""


class Expression:
    """A JMESPath expression over a record. `members` are the members that it reads.

    `option` is where it was given. It may read only members in `known`. Raise UsageError if it
    cannot be compiled.
    """

    def __init__(self, text: str, option: str, known: Collection[str] = MEMBERS) -> None:
        self.text = text
        self._option = option
        self._tree = self._parsed()
        try:
            names = set(_roots(self._tree))
            self._check(self._tree)
        except RecursionError:
            raise self._refused("the expression nests too deep", 0) from None
        if None in names:
            names = set(MEMBERS)
        for name in names - {None}:
            if name not in known:
                self._refuse_member(str(name), known)
        self.members = frozenset(str(name) for name in names)
        self._visit = _Interpreter(Options(custom_functions=_FUNCTIONS)).visit

    def result(self, record: Mapping[str, Any]) -> Any:
        """Return the result for a record, given its members; None if there is an error."""
        try:
            return self._visit(self._tree, record)
        except MemoryError:
            raise
        except Exception:  # for odd values, functions of the library raise errors of many kinds
            return None

    def _parsed(self) -> Any:
        try:
            with warnings.catch_warnings():
                # The library takes a literal that is not JSON for a text, and warns.
                warnings.simplefilter("error", PendingDeprecationWarning)
                return compile(self.text).parsed
        except exceptions.LexerError as error:
            reason = error.message[:1].lower() + error.message[1:]
            raise self._refused(reason, error.lexer_position) from None
        except exceptions.IncompleteExpressionError:
            raise self._refused("the expression is not complete", len(self.text)) from None
        except exceptions.ParseError as error:
            reason = f"unexpected {quoted(str(error.token_value))}"
            raise self._refused(reason, error.lex_position) from None
        except exceptions.EmptyExpressionError:
            raise UsageError(f"{self._option}: the expression is empty", _HINT) from None
        except PendingDeprecationWarning:
            place = self.text.find("`")
            raise self._refused("what is in backticks must be JSON", place) from None
        except RecursionError:
            raise self._refused("the expression nests too deep", 0) from None
        except (ValueError, LookupError, TypeError):
            raise self._refused("not a JMESPath expression", 0) from None

    def _check(self, node: Any) -> None:
        """Raise UsageError for an expression that compiles but can never have a result.

        That is an unknown function, too few or too many arguments, and `!a.b`, which means
        `(!a).b`.
        """
        if node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
            raise self._refused(
                "! applies to the name after it only",
                max(self.text.find("!"), 0),
                "Write it as in !(value.closed).",
            )
        if node["type"] == "function_expression":
            name, count = node["value"], len(node["children"])
            found = re.search(rf"\b{re.escape(name)}\s*\(", self.text)
            place = found.start() if found else 0
            function = _FUNCTIONS.FUNCTION_TABLE.get(name)
            if function is None:
                known = ", ".join(sorted(_FUNCTIONS.FUNCTION_TABLE))
                hint = f"Known functions: {known}."
                raise self._refused(f"unknown function {quoted(name)}", place, hint)
            needed = len(function["signature"])
            is_variadic = bool(needed) and bool(function["signature"][-1].get("variadic"))
            if count < needed or (count > needed and not is_variadic):
                arguments = counted(needed, "argument")
                least = "at least " if is_variadic else ""
                raise self._refused(f"{name}() takes {least}{arguments}, not {count}", place)
        for child in _children(node):
            self._check(child)

    def _refuse_member(self, name: str, known: Collection[str]) -> None:
        found = re.search(rf'(?<![\w."])"?{re.escape(name)}\b', self.text)
        place = found.start() if found else max(self.text.find(name), 0)
        if self.text.startswith('"', place):
            hint = f"Double quotes name a member. {_HINT}"
        else:
            hint = f"Known members: {', '.join(known)}. What is inside the value is value.NAME."
        raise self._refused(f"a record has no member {quoted(name)}", place, hint)

    def _refused(self, reason: str, place: int, hint: str = _HINT) -> UsageError:
        error = UsageError(f"{self._option}: {reason}, at column {place + 1}", hint)
        error.excerpt = (self.text, place)
        return error


def _children(node: Any) -> list[Any]:
    """Return the nodes inside a node. A slice has numbers instead."""
    return [child for child in node["children"] if isinstance(child, dict)]


def _roots(node: Any) -> Iterator[str | None]:
    """Yield the members of the record that a node reads; None for the record as a whole."""
    kind = node["type"]
    if kind == "field":
        yield node["value"]
    elif kind in _WHOLE:
        yield None
    elif kind in _SAME_PLACE:
        for child in _children(node):
            yield from _roots(child)
    elif kind not in _OTHERS:
        # All other nodes pass the result of their first part on to the other parts.
        yield from _roots(node["children"][0])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    def compared(one: Any, other: Any) -> bool | None:
        return compare(one, other) if isinstance(one, str) == isinstance(other, str) else None

    return compared


class _Interpreter(TreeInterpreter):
    COMPARATOR_FUNC = {  # noqa: RUF012 - as the library has it
        "eq": _same,
        "ne": lambda one, other: not _same(one, other),
        "lt": _ordered(operator.lt),
        "gt": _ordered(operator.gt),
        "lte": _ordered(operator.le),
        "gte": _ordered(operator.ge),
    }


class _Functions(Functions):
    @signature({"types": []})
    def _func_time(self, value: Any) -> int | None:
        seconds = epoch_of(value)
        return None if seconds is None else round(seconds * 1000)

    @signature({"types": []})
    def _func_to_number(self, value: Any) -> Any:
        if isinstance(value, str):
            return number_of(value)
        return None if isinstance(value, list | dict | bool) else value

    @signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: Any, search: Any) -> bool:
        if isinstance(subject, str):
            return search in subject
        return any(_same(one, search) for one in subject)


_FUNCTIONS: Final = _Functions()
