"""Entities and their values: contract, sections "Limits" and "Entities in a manifest"."""

from typing import Any, Final

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Wire, serving
from kvsctl.emulator import EmulatorError, EmulatorOptions
from kvsctl.emulator.storage.manifest import declared_entities

VALUES: Final = Page("entity values", "contract, Limits")
MANIFEST: Final = Page("manifest", "contract, Entities in a manifest")
_TEXT: Final = {"type": "string"}


def _value(sentence: str, value: Any, code: str | None, message: str | None = None) -> None:
    body = {"entityName": "employee", "key": "a", "value": value}
    if code is None:
        VALUES.takes(sentence, "entity/set", body, options="staff")
    else:
        VALUES.refuses(sentence, "entity/set", body, code, message=message, options="staff")


_value(
    "an attribute of the wrong type: INCORRECT_PROPERTY_TYPE, with the message of the service",
    {"age": "old"},
    "INCORRECT_PROPERTY_TYPE",
    'Data type for property "age" is defined as "integer"',
)
for _attribute, _wrong in (("name", 1), ("here", "true"), ("pay", "1.5"), ("age", 1.5)):
    _value(
        f"{_wrong!r} in {_attribute}: INCORRECT_PROPERTY_TYPE",
        {_attribute: _wrong},
        "INCORRECT_PROPERTY_TYPE",
    )
for _number in (2**31 - 1, -(2**31)):
    _value(f"the integer {_number} is taken: 32 bits, signed", {"age": _number}, None)
for _number in (2**31, -(2**31) - 1):
    _value(f"the integer {_number} is refused", {"age": _number}, "INCORRECT_PROPERTY_TYPE")
_value(
    "attributes of their types are taken", {"name": "a", "age": 1, "pay": 1.5, "here": True}, None
)
_value("an attribute of type any takes anything", {"tags": [{"a": None}]}, None)
_value(
    "a string without a character that is not white space", {"name": " \t"}, "INVALID_ENTITY_VALUE"
)
for _float in (0.0, 1e-130, -1e-130, 9.99e125):
    _value(f"the float {_float} is taken", {"pay": _float}, None)
for _float in (9e-131, 1e126):
    _value(f"the float {_float} is refused", {"pay": _float}, "INVALID_ENTITY_VALUE")
_NO_OBJECTS: Final[tuple[Any, ...]] = ("x", 1, [])
for _what in _NO_OBJECTS:
    _value(f"the value of an entity is an object, not {_what!r}", _what, "INVALID_ENTITY_VALUE")


@VALUES.asks("a float has at most 38 digits")
def _(wire: Wire) -> None:
    for digits, is_taken in ((38, True), (39, False)):
        number = "1." + "1" * (digits - 1)
        body = b'{"entityName":"employee","key":"a","value":{"pay":%b}}' % number.encode()
        answer = wire.at("staff").post("entity/set", body)
        assert (answer.status in (200, 204)) is is_taken, answer


def _declared(**more: Any) -> dict[str, Any]:
    entity = {"name": "abc", "attributes": {"a": _TEXT, "b": _TEXT}} | more
    return {"app": {"storage": {"entities": [entity]}}}


@VALUES.asks("the value of a range attribute has at most 900 bytes, of a partition 1700")
def _(_wire: Wire) -> None:
    index = {"name": "by-a", "partition": ["a"], "range": ["b"]}
    options = EmulatorOptions(entities=declared_entities(_declared(indexes=[index])))
    with serving(options) as emulated:
        for partition, ranged, is_taken in ((1700, 900, True), (1701, 1, False), (1, 901, False)):
            value = {"a": "x" * partition, "b": "x" * ranged}
            answer = emulated.post("entity/set", {"entityName": "abc", "key": "k", "value": value})
            assert (answer.status in (200, 204)) is is_taken, answer


def accepts(manifest: dict[str, Any]) -> bool:
    """Return whether the emulator accepts a manifest."""
    try:
        declared_entities(manifest)
    except (ValueError, EmulatorError):
        return False
    return True


def judged(sentence: str, manifest: dict[str, Any], *, is_valid: bool) -> None:
    """Add a question: whether the emulator accepts a manifest."""

    def ask(_wire: Wire) -> None:
        assert accepts(manifest) is is_valid

    MANIFEST.add(sentence, ask)


def _many(count: int) -> dict[str, Any]:
    entities = [{"name": f"abc{n}", "attributes": {"a": _TEXT}} for n in range(count)]
    return {"app": {"storage": {"entities": entities}}}


def _indexed(*indexes: Any, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    return _declared(attributes=attributes or {"a": _TEXT, "b": _TEXT}, indexes=list(indexes))


def _index(name: str = "by-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "range": ["a"]} | more


judged("an app has at most 20 entities", _many(20), is_valid=True)
judged("21 entities are refused", _many(21), is_valid=False)
judged(
    "an entity has at most 7 indexes",
    _indexed(*(_index(f"by{n}") for n in range(7))),
    is_valid=True,
)
judged("8 indexes are refused", _indexed(*(_index(f"by-{n}") for n in range(8))), is_valid=False)
judged(
    "an entity has at most 50 attributes",
    _declared(attributes={f"a{n}": _TEXT for n in range(50)}),
    is_valid=True,
)
judged(
    "51 attributes are refused",
    _declared(attributes={f"a{n}": _TEXT for n in range(51)}),
    is_valid=False,
)
judged("an index name has at least 3 characters", _indexed(_index("abc")), is_valid=True)
judged("an index name of 2 characters is refused", _indexed(_index("ab")), is_valid=False)
judged("an index name has at most 50 characters", _indexed(_index("a" * 50)), is_valid=True)
judged("an index name of 51 characters is refused", _indexed(_index("a" * 51)), is_valid=False)
judged("an index name has a-z, A-Z, 0-9, : - _ and .", _indexed(_index("aZ0:-_.")), is_valid=True)
judged("an index name with a space is refused", _indexed(_index("a bc")), is_valid=False)
judged("an index has one range attribute", _indexed(_index(range=["a", "b"])), is_valid=False)
judged(
    "an attribute of type any is refused in an index",
    _indexed("a", attributes={"a": {"type": "any"}}),
    is_valid=False,
)
judged(
    "an attribute name has at most 30 characters",
    _declared(attributes={"a" * 30: _TEXT}),
    is_valid=True,
)
judged(
    "an attribute name of 31 characters is refused",
    _declared(attributes={"a" * 31: _TEXT}),
    is_valid=False,
)
judged(
    "an attribute name that begins with _ is refused",
    _declared(attributes={"_a": _TEXT}),
    is_valid=False,
)
