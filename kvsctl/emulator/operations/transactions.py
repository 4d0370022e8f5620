"""transaction: sets, deletes and checks, all or nothing.

A transaction has at most 25 operations and names each key once. If a condition does not hold,
nothing is changed.
"""

from typing import Any

import msgspec

from kvsctl.emulator import json_slices, rules
from kvsctl.emulator.operations.conditions import predicate
from kvsctl.emulator.operations.service import NO_OPTIONS, Call, Service
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.wire import Item, Response, item_of, read_members

VERBS = ("set", "delete", "check")


class Step(msgspec.Struct):
    """One operation of a transaction: its verb, its item and its conditions."""

    verb: str
    item: Item
    conditions: Any


def transact(service: Service, call: Call) -> Response:
    """Apply the whole transaction and return 204. Raise Refusal otherwise, changing nothing."""
    steps = _steps(service, call)
    _check_steps(service, steps)
    for step in steps:
        item = step.item
        call.check_fault(item.key)
        space = service.space(item.entity_name)
        rules.check_key(item.key, service.limits, of_entity=bool(space))
        _check_conditions(service, call, step, space)
        if step.verb == "set":
            write = service.checked_write(item, call.now_ms)
            service.put(call.installation, space, [write], call.now_ms)
            continue
        rules.check_options(item.options, NO_OPTIONS)
        if step.verb == "delete":
            service.remove(call.installation, space, [item.key], call.now_ms)
    return Response(204)


def _steps(service: Service, call: Call) -> list[Step]:
    parts = read_members(call.body)
    steps: list[Step] = []
    for verb in VERBS:
        text = parts.get(verb)
        if text is None or text == "null":
            continue
        for start in json_slices.elements(text):
            found = json_slices.members(text, start)
            conditions = json_slices.parsed(found.pop("conditions", "null"))
            steps.append(Step(verb, item_of(found, service.limits), conditions))
    return steps


def _check_steps(service: Service, steps: list[Step]) -> None:
    if not steps:
        raise malformed("A transaction must hold at least one operation")
    if len(steps) > service.limits.transaction_operations:
        raise Refusal(
            422,
            "UNPROCESSABLE_ENTITY",
            "Request cannot be processed due to one or more semantic errors",
        )
    rules.check_distinct(((one.item.entity_name, one.item.key) for one in steps), len(steps))


def _check_conditions(service: Service, call: Call, step: Step, space: str) -> None:
    meets = predicate(step.conditions)
    if meets is None:
        if step.verb == "check":
            raise malformed("A check must have conditions")
        return
    key = step.item.key
    row = service.read(call.installation, space, [key], call.now_ms).get(key)
    value = {} if row is None else json_slices.parsed(row.value)
    # A missing record has no attributes, so only NOT_… conditions can hold for it.
    if not meets(value if isinstance(value, dict) else {}):
        raise Refusal(
            400,
            "CONDITIONAL_CHECK_FAILED",
            "Request failed due to conditional check specified or optimistic locking",
        )
