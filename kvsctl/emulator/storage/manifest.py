"""Read the custom entities of an app's `manifest.yml`, from `app.storage.entities`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvsctl.emulator.refusals import EmulatorError, Refusal, reason_of
from kvsctl.emulator.rules import check_entity_name
from kvsctl.emulator.storage.entities import BY_KEY, Entity, Index
from kvsctl.limits import DEFAULT_LIMITS

TYPES = ("string", "boolean", "float", "integer", "any")
ATTRIBUTE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def read_manifest(path: Path) -> dict[str, Entity]:
    """Return the entities that a manifest declares, by name; an empty dict if it declares none.

    Raise `EmulatorError`, naming the place, if the file cannot be read or is invalid.
    """
    import yaml  # not at the top: only --manifest needs it

    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EmulatorError(f"cannot read {path}: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise EmulatorError(f"cannot read {path}: not valid UTF-8") from error
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise EmulatorError(f"{path}: not valid YAML: {line}") from error
    try:
        return declared_entities(manifest)
    except ValueError as error:
        raise EmulatorError(f"{path}: {error}") from error


def declared_entities(manifest: object) -> dict[str, Entity]:
    """Return the entities of a parsed manifest, by name.

    Raise ValueError, naming the place, if the manifest is invalid.
    """
    found: Any = manifest
    for parent, name in (
        ("the manifest", "app"),
        ("app", "storage"),
        ("app.storage", "entities"),
    ):
        found = _mapping(found, parent).get(name)
        if found is None:
            return {}
    if not isinstance(found, list):
        raise ValueError("app.storage.entities must be a list")  # noqa: TRY004 - a wrong file
    entities: dict[str, Entity] = {}
    for declaration in found:
        entity = _entity(_mapping(declaration, "each entity"))
        if entity.name in entities:
            raise ValueError(f"entity {entity.name} is declared twice")
        entities[entity.name] = entity
    return entities


def _entity(declaration: Mapping[str, Any]) -> Entity:
    name = declaration.get("name")
    try:
        check_entity_name(name, DEFAULT_LIMITS)
    except Refusal as refusal:
        raise ValueError(f"invalid entity name {name}: {refusal.message}") from None
    attributes: dict[str, str] = {}
    for attribute, described in _mapping(
        declaration.get("attributes"), f"the attributes of {name}"
    ).items():
        kind = _mapping(described, f"{name}.{attribute}").get("type")
        if kind not in TYPES:
            raise ValueError(f"{name}.{attribute}: type must be one of {', '.join(TYPES)}")
        if not isinstance(attribute, str) or not ATTRIBUTE.fullmatch(attribute):
            raise ValueError(f'{name}: invalid attribute name "{attribute}"')
        attributes[attribute] = kind
    indexes: dict[str, Index] = {}
    for index in declaration.get("indexes") or []:
        made = _index(f"{name}", index, attributes)
        if made.name in indexes:
            raise ValueError(f"{name}: index {made.name} is declared twice")
        indexes[made.name] = made
    return Entity(str(name), attributes, indexes)


def _index(entity: str, declaration: object, attributes: Mapping[str, str]) -> Index:
    if isinstance(declaration, str):
        index = Index(declaration, (), declaration)
    else:
        described = _mapping(declaration, f"each index of {entity}")
        name, ranges = described.get("name"), described.get("range")
        ranges = [ranges] if isinstance(ranges, str) else ranges
        if not isinstance(name, str) or not isinstance(ranges, list) or len(ranges) != 1:
            raise ValueError(
                f"{entity}: an index needs a name and a range of exactly one attribute"
            )
        index = Index(name, tuple(described.get("partition") or ()), ranges[0])
    if index.name == BY_KEY:
        raise ValueError(f"{entity}: the index name {BY_KEY} is reserved")
    for attribute in (*index.partition, index.range):
        if attribute not in attributes:
            raise ValueError(
                f'{entity}: index {index.name} uses the undeclared attribute "{attribute}"'
            )
    return index


def _mapping(found: object, what: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a mapping")  # noqa: TRY004 - a wrong file
    return found
