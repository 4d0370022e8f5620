"""What a run ends in before its input does, in words for people. Pure."""

from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.service.faults import Fault, FaultKind


def refused_end(fault: Fault) -> KvsctlError:
    """What a run ends in whose credentials or URL the target refused."""
    said = f"{fault.code}: {fault.message}" + (
        f" (trace {fault.trace_id})" if fault.trace_id else ""
    )
    if fault.kind is FaultKind.MISDIRECTED:
        return TargetError(f"the target is not the service: {said}", "Check the URL.")
    hint = (
        "The token is missing, wrong or expired. Give a fresh one by KVSCTL_TOKEN, --token-file "
        "or --token-command."
        if fault.kind is FaultKind.UNAUTHORISED
        else "This token may not use the store, or the URL is not the service's."
    )
    return CredentialsError(f"the target refused the credentials: {said}", hint)


def too_many_failures(count: int) -> KvsctlError:
    """What a run ends in that reached its bound of failed records."""
    return TargetError(f"{count:,} records failed: --max-failures")


def unreachable(fault: Fault) -> KvsctlError:
    """What a run ends in that had no answer at all."""
    return TargetError(
        f"the target could not be reached: {fault.code}: {fault.message}",
        "Check the URL, the network and the proxy settings.",
    )


def throttled_end(seconds: float, said: str) -> TargetError:
    """What a run ends in that is only throttled."""
    return TargetError(
        f"given up: for {seconds:,.0f} s the service let no request through: {said}",
        "Run it again later, or raise --patience.",
    )


def failing_end(requests: int, said: str) -> TargetError:
    """What a run ends in of whose requests too many failed in a row."""
    return TargetError(
        f"given up after {requests} failed requests in a row, the last: {said}",
        "Run it again when the service answers, or raise --give-up-after.",
    )


def fruitless_end(requests: int, said: str) -> TargetError:
    """What a run ends in of whose requests too many did nothing."""
    return TargetError(
        f"given up: {requests:,} requests in a row did nothing, the last: {said}",
        "See what the failures have in common, or raise --give-up-after.",
    )
