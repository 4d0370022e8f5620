"""For generated requests, every response conforms to the emulator's OpenAPI document."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.page.answers import API, LISTS, QUESTIONS
from kvsctl.emulator.storage.entities import Entity, Index
from kvsctl.emulator.web.admin import MEMBERS
from kvsctl.emulator.web.openapi import document
from kvsctl.emulator.web.routes import ADMIN_PREFIX, DETAILS_PREFIX, GET_PATHS
from kvsctl.emulator.web.routes import OPERATIONS as OPERATIONS_OF_THE_STORE
from kvsctl.emulator.web.serve import Running, ServeOptions, running
from kvsctl.emulator.web.transfers import TRANSFERS
from kvsctl.emulator.wire import LINES_TYPE
from tests.support.examples import examples

schemathesis.serializer.alias(LINES_TYPE, "text/plain")
OPTIONS = EmulatorOptions(
    entities={"abc": Entity("abc", {"n": "integer"}, {"n": Index("n", (), "n")})}
)
DOCUMENT = document(OPTIONS)
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def server() -> Any:
    with running(ServeOptions(port=0, emulator=OPTIONS)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def without_faults(server: Running) -> Iterator[None]:
    """Stop the faults that a request of a test has asked for, and return to the machine's time."""
    yield
    server.emulator.arm(None)
    server.emulator.clock.resume()


def test_the_document_has_each_path_of_the_server_and_no_other() -> None:
    served = {("post", f"/v1/{route.name}") for route in OPERATIONS_OF_THE_STORE}
    served |= {("get", path) for path in GET_PATHS if not path.startswith(("/api/", "/forge/"))}
    served.add(("get", DETAILS_PREFIX + "{installationId}"))
    served |= {(method.lower(), ADMIN_PREFIX + action) for method, action in {*MEMBERS, *TRANSFERS}}
    served |= {("post", API + name) for name in QUESTIONS} | {("get", API + name) for name in LISTS}
    assert {(method, path) for path, method in OPERATIONS} == served


def test_each_path_of_the_document_is_served(server: Running) -> None:
    for path, method in OPERATIONS:
        path = path.replace("{installationId}", "default")
        answer = httpx.request(method, server.url + path, content=b"[")
        assert (answer.status_code, path) not in ((403, path), (404, path), (405, path))


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_responses_conform_to_the_document(server: Running, path: str, method: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema[path][method]
    modes = list(schemathesis.GenerationMode)
    cases: Any = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(
        max_examples=examples(15),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def check(case: Any) -> None:
        case.call_and_validate(base_url=server.url, checks=CHECKS)

    check()
