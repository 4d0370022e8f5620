"""Read the custom entities of an app's `manifest.yml`, from `app.storage.entities`.

The rules are those of the vendor's validator (npm `@forge/manifest`): the tests compare the two.
Some of the documentation's rules are stricter than the validator, and are enforced here:

- at most 20 entities, each declared once, and each index of an entity declared once;
- an index name has 3 to 50 characters of `a-zA-Z0-9:-_.`;
- an index has one range attribute, and no attribute of type `any`.

The rest of the manifest is not checked.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvsctl.emulator.option_files import read_option_file
from kvsctl.emulator.refusals import EmulatorError, Refusal
from kvsctl.emulator.rules import check_entity_name
from kvsctl.emulator.storage.entities import BY_KEY, Entity, Index
from kvsctl.emulator.storage.yaml12 import YamlError, parse_yaml
from kvsctl.limits import DEFAULT_LIMITS

TYPES = ("string", "boolean", "float", "integer", "any")
ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
INDEX_NAME = re.compile(r"[a-zA-Z0-9:\-_.]{3,50}")
CLASSIFICATIONS = ("ugc", "pii", "other")
ENTITIES_MAX = 20
ATTRIBUTES_MAX = 50
ATTRIBUTE_CHARS_MAX = 30
INDEXES_MAX = 7
SHOWN_CHARS = 60


def read_manifest(path: Path) -> dict[str, Entity]:
    """Return the entities that a manifest declares, by name; an empty dict if it declares none.

    Raise `EmulatorError`, naming the place, if the file cannot be read or is invalid.
    """
    text = read_option_file(path)
    try:
        manifest = parse_yaml(text)
    except YamlError as error:
        raise EmulatorError(f"{path}: not valid YAML: {error}") from error
    try:
        return declared_entities(manifest)
    except ValueError as error:
        raise EmulatorError(f"{path}: {error}") from error


def declared_entities(manifest: object) -> dict[str, Entity]:
    """Return the entities of a parsed manifest, by name.

    Raise ValueError, naming the place, if the manifest is invalid.
    """
    app = _mapping(manifest, "the manifest").get("app", {})
    storage = _members(
        _mapping(app, "app").get("storage", {}), "app.storage", {"classifications", "entities"}
    )
    if "classifications" in storage:
        for label in _list(storage["classifications"], "app.storage.classifications"):
            if label not in CLASSIFICATIONS:
                raise ValueError(
                    f"app.storage.classifications: {_shown(label)} is not one of "
                    f"{', '.join(CLASSIFICATIONS)}"
                )
    if "entities" not in storage:
        return {}
    declarations = _list(storage["entities"], "app.storage.entities")
    if len(declarations) > ENTITIES_MAX:
        raise ValueError(f"{len(declarations)} entities: at most {ENTITIES_MAX} are allowed")
    entities: dict[str, Entity] = {}
    for declaration in declarations:
        entity = _entity(declaration)
        if entity.name in entities:
            raise ValueError(f"entity {entity.name} is declared twice")
        entities[entity.name] = entity
    return entities


def _entity(declaration: object) -> Entity:
    members = _members(declaration, "each entity", {"name", "attributes", "indexes"})
    name = members.get("name")
    try:
        check_entity_name(name, DEFAULT_LIMITS)
    except Refusal as refusal:
        raise ValueError(f"invalid entity name {_shown(name)}: {refusal.message}") from None
    attributes = _attributes(str(name), members.get("attributes"))
    indexes: dict[str, Index] = {}
    if "indexes" in members:
        declared = _list(members["indexes"], f"the indexes of {name}")
        if len(declared) > INDEXES_MAX:
            raise ValueError(f"{name}: {len(declared)} indexes: at most {INDEXES_MAX} are allowed")
        for one in declared:
            index = _index(str(name), one, attributes)
            if index.name in indexes:
                raise ValueError(f"{name}: index {index.name} is declared twice")
            indexes[index.name] = index
    return Entity(str(name), attributes, indexes)


def _attributes(entity: str, declared: object) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, described in _mapping(declared, f"the attributes of {entity}").items():
        if not ATTRIBUTE.fullmatch(name) or len(name) > ATTRIBUTE_CHARS_MAX:
            raise ValueError(
                f"{entity}: invalid attribute name {_shown(name)}: a letter, then letters, digits "
                f"and _; at most {ATTRIBUTE_CHARS_MAX} characters"
            )
        kind = _members(described, f"{entity}.{name}", {"type"}).get("type")
        if kind not in TYPES:
            raise ValueError(f"{entity}.{name}: type must be one of {', '.join(TYPES)}")
        attributes[name] = str(kind)
    if len(attributes) > ATTRIBUTES_MAX:
        raise ValueError(
            f"{entity}: {len(attributes)} attributes: at most {ATTRIBUTES_MAX} are allowed"
        )
    return attributes


def _index(entity: str, declaration: object, attributes: Mapping[str, str]) -> Index:
    if isinstance(declaration, str):
        index = Index(declaration, (), declaration)
    else:
        index = _named_index(entity, declaration)
    for attribute in (*index.partition, index.range):
        kind = attributes.get(attribute)
        if kind is None:
            raise ValueError(
                f"{entity}: index {_shown(index.name)} uses the undeclared attribute "
                f"{_shown(attribute)}"
            )
        if kind == "any":
            raise ValueError(
                f"{entity}: index {index.name} uses {attribute}, an attribute of type any"
            )
    return index


def _named_index(entity: str, declaration: object) -> Index:
    members = _members(declaration, f"each index of {entity}", {"name", "range", "partition"})
    name = members.get("name")
    if name == BY_KEY:
        raise ValueError(f"{entity}: the index name {BY_KEY} is reserved")
    if not isinstance(name, str) or not INDEX_NAME.fullmatch(name):
        raise ValueError(
            f"{entity}: invalid index name {_shown(name)}: 3 to 50 of a-z, A-Z, 0-9 and : - _ ."
        )
    ranges = _names(members.get("range"), f"the range of {entity}, index {name}")
    if len(ranges) != 1:
        raise ValueError(f"{entity}: index {name} has a range of more than one attribute")
    partition: tuple[str, ...] = ()
    if "partition" in members:
        partition = _names(members["partition"], f"the partition of {entity}, index {name}")
    return Index(name, partition, ranges[0])


def _names(found: object, what: str) -> tuple[str, ...]:
    names = _list(found, what)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what} must be a list of attribute names")
    return tuple(names)


def _list(found: object, what: str) -> list[Any]:
    if not isinstance(found, list) or not found:
        raise ValueError(f"{what} must be a list and not empty")
    return found


def _mapping(found: object, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a mapping")  # noqa: TRY004 - a wrong file
    return found


def _members(found: object, what: str, allowed: set[str]) -> Mapping[str, Any]:
    members = _mapping(found, what)
    for name in members:
        if name not in allowed:
            known = ", ".join(sorted(allowed))
            raise ValueError(f"{what}: unknown member {_shown(name)}; known members: {known}")
    return members


def _shown(found: object) -> str:
    """Return a name for a message, cut to 60 characters, or the kind of anything else."""
    if isinstance(found, str):
        return f'"{found[:SHOWN_CHARS]}{"…" if len(found) > SHOWN_CHARS else ""}"'
    if isinstance(found, dict | list):
        return "(a mapping)" if isinstance(found, dict) else "(a list)"
    return "(nothing)" if found is None else str(found)[:SHOWN_CHARS]
