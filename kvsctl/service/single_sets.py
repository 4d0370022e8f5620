"""Set records one by one, each only if its key does not exist: the service decides."""

from collections.abc import Sequence
from typing import Final

from kvsctl import codes, jsontext
from kvsctl.model import GET, Failure, Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import StoreClient
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.reply import AllDone, Reply
from kvsctl.service.transport.carrier import CarrierAnswer
from kvsctl.service.wire import MetadataRequest, encode

_OK: Final = 200
_NO_CONTENT: Final = 204
_CONFLICT: Final = 409
_PLAIN: Final = "/v1/set"
_ENTITY: Final = "/v1/entity/set"
_POLICY: Final = b'"keyPolicy":"FAIL_IF_EXISTS"'


class CreatingClient(StoreClient):
    """Sets single records with `FAIL_IF_EXISTS`, and reads by batch/get.

    If the key of a record exists, the answer is a Reply in which it failed with `KEY_CONFLICT`.
    """

    def _request_of(self, verb: Verb, records: Sequence[Record]) -> tuple[str, bytes]:
        if verb is GET:
            return super()._request_of(verb, records)
        [record] = records
        path = _PLAIN if record.identity.entity is None else _ENTITY
        return path, _creating(encode(records, MetadataRequest(), self.now())[1:-1])

    def _meaning(
        self,
        verb: Verb,
        records: Sequence[Record],
        answer: CarrierAnswer,
        trace_id: str | None,
        token: Secret | None,
    ) -> tuple[Reply | AllDone | None, Fault | None]:
        if verb is not GET and answer.status in (_OK, _NO_CONTENT):
            return _written(answer.body, trace_id)
        reply, fault = super()._meaning(verb, records, answer, trace_id, token)
        exists = fault is not None and fault.status == _CONFLICT
        if fault is None or not exists or fault.code != codes.KEY_CONFLICT:
            return reply, fault
        conflict = Failure(fault.code, fault.message, trace_id)
        return Reply({}, {record.identity: conflict for record in records}), None


def _creating(body: bytes) -> bytes:
    """Return the body of a record with the policy added to its options."""
    members = jsontext.members(body)
    options = members.get("options", b"{}").strip()[1:-1]
    members["options"] = b"{%b%b}" % (_POLICY, b"," + options if options else b"")
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), text) for name, text in members.items())


def _written(body: bytes, trace_id: str | None) -> tuple[AllDone | None, Fault | None]:
    """Return what a 200 or 204 answer to a set means. Its body must be empty or JSON."""
    if body.strip():
        try:
            jsontext.value(body)
        except jsontext.JsonTextError as error:
            message = f"cannot read the answer: {error}"
            kind = FaultKind.UNANSWERED
            return None, Fault(kind, codes.UNREADABLE_ANSWER, message, _OK, trace_id)
    return AllDone(), None
