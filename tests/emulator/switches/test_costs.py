"""What deletes and refused writes cost, and which bad records refuse their batch."""

import pytest

from kvsctl.emulator.switches.quota import QuotaOptions
from tests.emulator.support import OpenClient

BAD = [{"key": "a", "value": 1}, {"key": "b", "value": 1, "options": {"ttl": {"value": 0}}}]


@pytest.mark.parametrize(("cost", "deletes"), [("size", 8), ("keys", 2), ("free", None)])
def test_a_delete_costs(open_client: OpenClient, cost: str, deletes: int | None) -> None:
    quota = QuotaOptions(write_units_per_minute=8)
    client = open_client(delete_cost=cost, quota=quota)
    body = [{"key": name} for name in "abcd"]
    for _ in range(deletes or 20):
        client.ok("/v1/batch/delete", body)
    if deletes is not None:
        assert client.refused("/v1/batch/delete", body) == (429, "RATE_LIMIT_EXCEEDED")


@pytest.mark.parametrize(("cost", "left"), [("free", 3), ("size", 1)])
def test_a_refused_write_costs(open_client: OpenClient, cost: str, left: int) -> None:
    quota = QuotaOptions(write_units_per_minute=3)
    client = open_client(refused_cost=cost, bad_record="refuses-batch", quota=quota)
    for _ in range(2):
        assert client.refused("/v1/batch/set", BAD) == (400, "INVALID_TTL")
    for _ in range(left):
        client.ok("/v1/batch/set", BAD[:1])
    assert client.refused("/v1/batch/set", BAD[:1])[0] == 429


def test_a_code_may_refuse_a_batch_where_others_fail_alone(open_client: OpenClient) -> None:
    client = open_client(refuse_batch_for=frozenset({"INVALID_TTL"}))
    assert client.refused("/v1/batch/set", BAD) == (400, "INVALID_TTL")
    answer = client.ok("/v1/batch/set", [{"key": "a", "value": 1}, {"key": "b/", "value": 1}])
    assert [one["key"] for one in answer["failedKeys"]] == ["b/"]
