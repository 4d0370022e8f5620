"""The part of the OpenAPI document on what is served beside the store."""

from typing import Any

from kvsctl.emulator.operations.installations import PAGE_MOST
from kvsctl.emulator.web.routes import (
    ADMIN_PREFIX,
    CONTEXT_PATH,
    DETAILS_PREFIX,
    HEALTH_PATH,
    OPENAPI_PATH,
)
from kvsctl.emulator.wire import LINES_TYPE

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NAME: Schema = {"type": "string", "minLength": 1}


def paths_beside() -> Schema:
    """Return the paths of health, invocation contexts, this document, and control requests."""
    return {
        HEALTH_PATH: {"get": _get("health", "The emulator works.", "Health")},
        CONTEXT_PATH: {"get": _context()},
        OPENAPI_PATH: {"get": _get("openapi", "This document.", "Document")},
        **{ADMIN_PREFIX + action: methods for action, methods in _control().items()},
    }


def installations_paths() -> Schema:
    """Return the paths of installations: a page of their list, the older whole list, details."""
    parameters = [
        {
            "name": "pageSize",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_MOST},
        },
        {"name": "cursor", "in": "query", "schema": TEXT},
    ]
    paged = _get("installations", "One page of the app's installations.", "Installations", "400")
    whole = _get("installations_v0", "All installations of the app.", "InstallationList")
    details = _get(
        "installation", "Version, contexts and permissions.", "Installation", "404", "429"
    )
    named = {"name": "installationId", "in": "path", "required": True, "schema": NAME}
    for operation in (paged, whole, details):
        operation["responses"] |= {"401": refused(), "403": refused()}
    return {
        "/v1/installations": {"get": paged | {"parameters": parameters}},
        "/v0/installations": {"get": whole},
        DETAILS_PREFIX + "{installationId}": {"get": details | {"parameters": [named]}},
    }


def schemas_beside() -> Schema:
    """Return the schemas that these paths refer to."""
    installation = object_of(
        "id",
        id=TEXT,
        installationContext=TEXT,
        version=TEXT,
        secondaryInstallationContexts={"type": "array", "items": TEXT},
    )
    installations = {"type": "array", "items": installation}
    site = object_of("id", id=TEXT)
    counts = {"type": "object", "additionalProperties": WHOLE}
    module = object_of("key", "type", key=TEXT, type=TEXT)
    environment = object_of("type", "id", type=TEXT, id=TEXT)
    return {
        "Installations": object_of(
            "installations",
            "cursor",
            installations=installations,
            cursor={"type": ["string", "null"]},
        ),
        "InstallationList": installations,
        "Installation": object_of(
            "version",
            "installationContext",
            version=TEXT,
            installationContext=site,
            secondaryInstallationContexts={"type": "array", "items": site},
            permissions=object_of(
                scopes={"type": "array", "items": TEXT}, external={"type": "object"}
            ),
            isSandbox={"type": "boolean"},
        ),
        "Health": object_of("status", status={"const": "ok"}),
        "Document": {"type": "object"},
        "InvocationContext": object_of(
            "app",
            "context",
            app=object_of(
                "id", "installationId", id=TEXT, installationId=TEXT,
                environment=environment, module=module,
            ),
            context=object_of(
                "cloudId", cloudId=TEXT, moduleKey=TEXT, userAccess={"type": "object"}
            ),
        ),
        "Nothing": object_of() | {"additionalProperties": False},
        "Saved": object_of("name", "records", name=TEXT, records=WHOLE),
        "Stats": object_of(
            "records",
            "answers",
            "faults",
            records={"type": "object", "additionalProperties": counts},
            answers=counts,
            faults=counts,
        ),
        "Time": object_of("now", "iso", now=WHOLE, iso={"type": "string", "format": "date-time"}),
        "Transferred": object_of("records", records=WHOLE, secrets=WHOLE),
        "Spec": object_of("spec", spec=TEXT),
    }  # fmt: skip


def _control() -> Schema:
    named = _closed(name=NAME)
    return {
        "reset": {"post": _post("reset", _closed(installation=NAME), "Nothing")},
        "export": {"get": _export(), "post": _post("save", _closed(), "Transferred", "409", "500")},
        "import": {"post": _import()},
        "snapshot": {"post": _post("snapshot", named, "Saved")},
        "restore": {"post": _post("restore", named, "Saved", "404")},
        "stats": {"get": _admin(_get("stats", "Counts so far.", "Stats"))},
        "clock": {
            "get": _admin(_get("clock", "The emulator's time.", "Time")),
            "post": _post(
                "set_clock",
                {
                    "oneOf": [
                        _closed("now", now=WHOLE, frozen={"type": "boolean"}),
                        _closed("advance_ms", advance_ms=WHOLE),
                        _closed("resume", resume={"const": True}),
                    ]
                },
                "Time",
            ),
        },
        "faults": {"post": _post("faults", _closed("spec", spec=TEXT), "Spec")},
    }


def _export() -> Schema:
    operation = _get("export", "All records, one on each line.", "Record", "400")
    operation["responses"]["200"]["content"] = {LINES_TYPE: {"schema": TEXT}}
    parameters = [{"name": "installation", "in": "query", "schema": NAME}]
    return _admin(operation | {"parameters": parameters})


def _import() -> Schema:
    operation = _post("import", _closed(), "Transferred")
    return operation | {"requestBody": {"content": {LINES_TYPE: {"schema": TEXT}}}}


def _context() -> Schema:
    operation = _get("invocation_context", "The context of an invocation.", "InvocationContext")
    operation["responses"] |= {"401": refused(), "403": refused()}
    return operation | {"security": [{"proxy": []}]}


def _get(name: str, description: str, answer: str, *refusals: str) -> Schema:
    return {
        "operationId": name,
        "responses": {
            "200": {"description": description, "content": json_content(reference(answer))},
            **{status: refused() for status in refusals},
        },
    }


def _post(name: str, request: Schema, answer: str, *refusals: str) -> Schema:
    operation = _get(name, "It is done.", answer, "400", "413", *refusals)
    return _admin(operation | {"requestBody": {"content": json_content(request)}})


def _admin(operation: Schema) -> Schema:
    """Return the operation as a control request, with the refusals that all of them share."""
    refusals = {status: refused() for status in ("400", "401", "403", "413")}
    operation["responses"] |= refusals
    return operation | {"security": [{}, {"bearer": []}], "tags": ["control"]}


def refused() -> Schema:
    """Return the response to a refused request."""
    content = json_content(reference("Refusal"))
    return {"description": "The request was refused.", "content": content}


def _closed(*required: str, **properties: Schema) -> Schema:
    return object_of(*required, **properties) | {"additionalProperties": False}


def object_of(*required: str, **properties: Schema) -> Schema:
    """Return the schema of an object with these members."""
    made: Schema = {"type": "object", "properties": properties}
    return made | {"required": list(required)} if required else made


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_content(schema: Schema) -> Schema:
    """Return the content of a body that is JSON."""
    return {"application/json": {"schema": schema}}
