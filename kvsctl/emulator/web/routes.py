"""The routes: which operation serves which path, and which quota it counts against."""

from typing import Literal

import msgspec

from kvsctl.emulator.operations import batches, entity_queries, queries, singles, transactions
from kvsctl.emulator.operations.service import Operation

PREFIXES = ("/v1/", "/api/v1/", "/forge/storage/kvs/v1/")
INSTALLATION_PATHS = frozenset(
    prefix.replace("/v1/", version) + "installations"
    for prefix in PREFIXES
    for version in ("/v1/", "/v0/")
)
LISTING = "installations"
"""The name of the list of installations in fault specs."""
ADMIN_PREFIX = "/_emulator/"
IMPORT_PATH = ADMIN_PREFIX + "import"
PAGE_PATH = "/"
PAGE_PREFIX = "/_emulator/page/"
"""The files and requests of the page."""
HEALTH_PATH = "/health"
CONTEXT_PATH = "/invocation/context"
DETAILS_PREFIX = "/v1/installation/"
"""Before the id of an installation."""
OPENAPI_PATH = "/openapi.json"
UNWATCHED_PATHS = frozenset({PAGE_PATH, HEALTH_PATH})
"""The paths whose requests the page does not show; it does not show control requests either."""
GET_PATHS = INSTALLATION_PATHS | {HEALTH_PATH, CONTEXT_PATH, OPENAPI_PATH}
"""The paths that are served for GET only, not counting control requests."""


class Route(msgspec.Struct, frozen=True):
    """A POST endpoint. `cost` names the quota that its units count against."""

    name: str
    run: Operation
    writes: bool
    cost: Literal["read", "write", "delete"]


OPERATIONS = (
    Route("batch/set", batches.set_batch, True, "write"),
    Route("batch/get", batches.get_batch, False, "read"),
    Route("batch/delete", batches.delete_batch, True, "delete"),
    Route("get", singles.get_plain, False, "read"),
    Route("set", singles.set_plain, True, "write"),
    Route("delete", singles.delete_plain, True, "delete"),
    Route("entity/get", singles.get_entity, False, "read"),
    Route("entity/set", singles.set_entity, True, "write"),
    Route("entity/delete", singles.delete_entity, True, "delete"),
    Route("secret/get", singles.get_secret, False, "read"),
    Route("secret/set", singles.set_secret, True, "write"),
    Route("secret/delete", singles.delete_secret, True, "delete"),
    Route("query", queries.query, False, "read"),
    Route("entity/query", entity_queries.query_entity, False, "read"),
    Route("transaction", transactions.transact, True, "write"),
)
ROUTES = {prefix + route.name: route for prefix in PREFIXES for route in OPERATIONS}
