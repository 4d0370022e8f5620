"""Which operation answers which path, and what it counts as."""

from dataclasses import dataclass
from typing import Literal

from kvsctl.emulator import batches
from kvsctl.emulator.service import Operation

PREFIXES = ("/v1/", "/api/v1/", "/forge/storage/kvs/v1/")


@dataclass(frozen=True, slots=True)
class Route:
    """A POST endpoint. `cost`: the quota that its units are counted against."""

    name: str
    run: Operation
    writes: bool
    cost: Literal["read", "write", "delete"]


OPERATIONS = (
    Route("batch/set", batches.set_batch, True, "write"),
    Route("batch/get", batches.get_batch, False, "read"),
    Route("batch/delete", batches.delete_batch, True, "delete"),
)
ROUTES = {prefix + route.name: route for prefix in PREFIXES for route in OPERATIONS}
