"""Who may call, and what an installation is: contract, sections "Where and who" and "Ways in"."""

from typing import Final

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Wire, faulty, serving
from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.switches.quota import QuotaOptions

WHO: Final = Page("who", "contract, Where and who")
WAYS: Final = Page("ways in", "contract, Ways in")
DETAILS: Final = Page("installation details", "the vendor's reference, Installation Details API")
_SET: Final = {"key": "k", "value": 1}
_GET: Final = {"key": "k"}


@WHO.asks("the header Authorization: Bearer with a token opens a store")
def _(wire: Wire) -> None:
    emulated = wire.at("tokens")
    assert emulated.post("set", _SET, authorization="Bearer one").status in (200, 204)
    assert emulated.post("get", _GET, authorization="Bearer one").json["value"] == 1


@WHO.asks("the paths are also below /forge/storage/kvs, as a container and a remote call them")
def _(wire: Wire) -> None:
    emulated = wire.at()
    assert emulated.post("/forge/storage/kvs/v1/set", _SET).status in (200, 204)
    assert emulated.post("/forge/storage/kvs/v1/get", _GET).json["value"] == 1


@WHO.asks("forge-proxy-authorization: Forge as=app,installationId=ID opens the store of ID")
def _(wire: Wire) -> None:
    emulated = wire.at()
    assert emulated.at_installation("set", _SET, "one").status in (200, 204)
    assert emulated.at_installation("get", _GET, "one").json["value"] == 1


@WHO.asks("forge-proxy-authorization: Forge as=app,id=INVOCATION opens a store")
def _(wire: Wire) -> None:
    emulated, header = wire.at(), "Forge as=app,id=invocation-1"
    assert emulated.post("set", _SET, forge_proxy_authorization=header).status in (200, 204)
    assert emulated.post("get", _GET, forge_proxy_authorization=header).json["value"] == 1


for _what, _headers in (
    ("a missing token", {}),
    ("an invalid token", {"authorization": "Bearer three"}),
    ("a header of another scheme", {"authorization": "Basic one"}),
):

    @WHO.asks(f"{_what} is refused with 401")
    def _(wire: Wire, headers: dict[str, str] = _headers) -> None:
        answer = wire.at("tokens").post("get", _GET, **headers)
        assert answer.status == 401, answer


@WHO.asks("an expired token is refused with 401")
def _(_wire: Wire) -> None:
    options = EmulatorOptions(
        tokens=(Token("one", "first"),), faults=read_faults("token-lifetime=60")
    )
    with serving(options) as emulated:
        header = {"authorization": "Bearer one"}
        assert emulated.post("get", _GET, **header).status == 404
        emulated.admin("clock", {"advance_ms": 61_000}, **header)
        assert emulated.post("get", _GET, **header).status == 401


@WHO.asks("a route that does not exist is refused with 403")
def _(wire: Wire) -> None:
    assert wire.at().post("batch/patch", []).status == 403
    assert wire.at().get("/v2/installations").status == 403


@WHO.asks("a store that this caller may not use is refused with 403")
def _(wire: Wire) -> None:
    answer = wire.at("tokens").post(
        "get",
        _GET,
        authorization="Bearer one",
        forge_proxy_authorization="Forge as=app,installationId=second",
    )
    assert answer.status == 403, answer


@WHO.asks("every installation has its own store")
def _(wire: Wire) -> None:
    emulated = wire.at()
    emulated.at_installation("set", _SET, "one")
    assert emulated.at_installation("get", _GET, "two").status == 404
    assert emulated.at_installation("query", {}, "two").json == {"data": []}


@WHO.asks("every installation has its own quota")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(quota=QuotaOptions(write_units_per_minute=1))) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        assert emulated.at_installation("set", _SET, "one").status in (200, 204)
        assert emulated.at_installation("set", _SET, "one").status == 429
        assert emulated.at_installation("set", _SET, "two").status in (200, 204)


def _listed(count: int) -> EmulatorOptions:
    return EmulatorOptions(installations=tuple(f"i{n:03}" for n in range(count)))


@WHO.asks("GET /v1/installations lists id, installationContext, version and secondary contexts")
def _(_wire: Wire) -> None:
    with serving(_listed(2)) as emulated:
        answer = emulated.get("/v1/installations?pageSize=100").json
        assert answer["cursor"] is None
        for one in answer["installations"]:
            assert set(one) == {
                "id", "installationContext", "version", "secondaryInstallationContexts",
            }  # fmt: skip
            assert isinstance(one["secondaryInstallationContexts"], list)
        assert [one["id"] for one in answer["installations"]] == ["i000", "i001"]


@WHO.asks("the list of installations is paged by a cursor, which is null on the last page")
def _(_wire: Wire) -> None:
    with serving(_listed(5)) as emulated:
        found, cursor = [], ""
        while True:
            answer = emulated.get(f"/v1/installations?pageSize=2{cursor}").json
            found += [one["id"] for one in answer["installations"]]
            if answer["cursor"] is None:
                break
            cursor = f"&cursor={answer['cursor']}"
        assert found == [f"i{n:03}" for n in range(5)], found


@WHO.asks("a page of installations has at most 100")
def _(_wire: Wire) -> None:
    with serving(_listed(101)) as emulated:
        assert len(emulated.get("/v1/installations").json["installations"]) == 100
        assert emulated.get("/v1/installations?pageSize=101").status == 400


@WHO.asks("installations may be listed 100 times per minute")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(quota=QuotaOptions())) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        statuses = [emulated.get("/v1/installations").status for _ in range(101)]
        assert statuses == [200] * 100 + [429], statuses


@WHO.asks("the older /v0/installations answers a plain array")
def _(_wire: Wire) -> None:
    with serving(_listed(2)) as emulated:
        answer = emulated.get("/v0/installations").json
        assert [one["id"] for one in answer] == ["i000", "i001"]


@WHO.asks("a trace id comes back as x-b3-traceid or x-trace-id")
def _(wire: Wire) -> None:
    for answer in (wire.at().post("get", _GET), wire.at().post("query", {})):
        assert answer.headers.get("x-b3-traceid") or answer.headers.get("x-trace-id")


@WAYS.asks("GET /invocation/context names the installation")
def _(wire: Wire) -> None:
    header = "Forge as=app,installationId=one"
    answer = wire.at().get("/invocation/context", forge_proxy_authorization=header)
    assert answer.status == 200, answer
    assert "one" in str(answer.json), answer


@DETAILS.asks("GET /v1/installation/ID gives version, contexts and permissions of an installation")
def _(_wire: Wire) -> None:
    with serving(_listed(1)) as emulated:
        answer = emulated.get("/v1/installation/i000")
        assert answer.status == 200, answer
        assert isinstance(answer.json["version"], str), answer
        contexts = [answer.json["installationContext"]]
        contexts += answer.json["secondaryInstallationContexts"]
        assert all(one["id"].startswith("ari:cloud:") for one in contexts), answer
        assert isinstance(answer.json["permissions"]["scopes"], list), answer
        assert isinstance(answer.json["permissions"]["external"], dict), answer


@DETAILS.asks("the details of an installation that does not exist are refused with 404")
def _(_wire: Wire) -> None:
    with serving(_listed(1)) as emulated:
        assert emulated.get("/v1/installation/other").status == 404


@DETAILS.asks("the details of another installation than the token's are refused with 401")
def _(wire: Wire) -> None:
    emulated = wire.at("tokens")
    for installation, status in (("first", 200), ("second", 401)):
        answer = emulated.get(f"/v1/installation/{installation}", authorization="Bearer one")
        assert answer.status == status, answer


@WAYS.asks("the details of an installation may be asked for once per minute")
def _(_wire: Wire) -> None:
    options = EmulatorOptions(quota=QuotaOptions(), installations=("one", "two"))
    with serving(options) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        asked = ("one", "two", "one")
        statuses = [emulated.get(f"/v1/installation/{name}").status for name in asked]
        assert statuses == [200, 200, 429], statuses


@WAYS.asks("an installation can be refused, as one that is not served is")
def _(_wire: Wire) -> None:
    with faulty("refuse-installation=one:404") as emulated:
        assert emulated.at_installation("get", _GET, "one").status == 404
        assert emulated.at_installation("query", {}, "two").status == 200
