"""The page's requests in the OpenAPI document, from the types of their bodies."""

from typing import Any, Final

import msgspec

from kvsctl.emulator.page import messages
from kvsctl.emulator.page.answers import API, QUESTIONS
from kvsctl.emulator.page.downloading import CONTENT_TYPE, CURSOR_HEADER

Schema = dict[str, Any]
_REFUSAL: Final = {"$ref": "#/components/schemas/Refusal"}
_OWN: Final = "#/components/schemas/Page.{name}"
_REFUSALS: Final = ("400", "401", "403", "404", "409", "413", "415")
_LISTS: Final[dict[str, type[msgspec.Struct]]] = {
    "installations": messages.InstallationList,
    "requests": messages.EntryList,
}


def page_paths() -> Schema:
    """Return the path items of the page's requests."""
    paths: Schema = {
        API + name: {"get": _operation(name, answered=_named(kind))}
        for name, kind in _LISTS.items()
    }
    paths[API + "requests"]["get"]["parameters"] = [
        {
            "name": "after",
            "in": "query",
            "description": "Only requests with a higher number.",
            "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
        }
    ]
    for name, question in QUESTIONS.items():
        response = question.response
        operation = _operation(name, answered=None if response is None else _named(response))
        operation["description"] = question.request.__doc__
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _named(question.request)}},
        }
        paths[API + name] = {"post": operation}
    return paths


def page_schemas() -> Schema:
    """Return the schemas that the path items refer to."""
    kinds: list[type[msgspec.Struct]] = list(_LISTS.values())
    for question in QUESTIONS.values():
        kinds += [question.request, *filter(None, [question.response])]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_OWN)
    return {f"Page.{name}": schema for name, schema in schemas.items()}


def _named(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": _OWN.format(name=kind.__name__)}


def _operation(name: str, *, answered: Schema | None) -> Schema:
    """Return an operation. Without a schema, it answers with JSON Lines."""
    success: Schema = {"description": "The request succeeded."}
    if answered is None:
        success["content"] = {CONTENT_TYPE: {"schema": {"type": "string"}}}
        success["headers"] = {
            CURSOR_HEADER: {
                "description": "Where the next page begins, if there is one.",
                "schema": {"type": "string"},
            }
        }
    else:
        success["content"] = {"application/json": {"schema": answered}}
    refused = {
        "description": "The request was refused.",
        "content": {"application/json": {"schema": _REFUSAL}},
    }
    return {
        "operationId": f"page_{name}",
        "tags": ["page"],
        "responses": {"200": success} | dict.fromkeys(_REFUSALS, refused),
    }
