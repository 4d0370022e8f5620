"""What a run costs. The prices are the service's, for whoever is past the free allowance."""

from typing import Final

from kvsctl.bulk.forecast import Forecast
from kvsctl.model import Verb

_WRITE_USD_PER_GB: Final = 1.09
_READ_USD_PER_GB: Final = 0.055
_GB_BYTES: Final = 1_000_000_000
_EMPTY_READ_BYTES: Final = 1000


def cost_usd(verb: Verb, forecast: Forecast) -> float:
    """US dollars. Writes and deletes by the bytes sent.

    Reads are billed by what comes back, which only the service knows: so the least, which is
    that of empty answers.
    """
    if verb is Verb.GET:
        return forecast.requests * _EMPTY_READ_BYTES * _READ_USD_PER_GB / _GB_BYTES
    return forecast.bytes_sent * _WRITE_USD_PER_GB / _GB_BYTES
