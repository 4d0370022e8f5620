"""The questions that the documents answer, by section."""

from benchmarks.fidelity.documents import (
    behaviour,
    callers,
    endpoints,
    entities,
    limits,
    queries,
    quotas,
)
from benchmarks.fidelity.question import Question

_PAGES = (
    callers.WHO,
    endpoints.ENDPOINTS,
    endpoints.BATCH,
    queries.QUERIES,
    queries.TRANSACTIONS,
    limits.LIMITS,
    entities.VALUES,
    entities.MANIFEST,
    quotas.QUOTAS,
    quotas.TRAFFIC,
    behaviour.BEHAVIOUR,
    callers.WAYS,
    callers.DETAILS,
)


def questions() -> list[Question]:
    """Return all questions of the documents, in the order of the contract."""
    return [question for page in _PAGES for question in page.questions]
