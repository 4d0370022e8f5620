"""Names of parametrised tests."""


def short(given: object) -> str:
    """A test's parameter as its name shows it, however long it is."""
    return repr(given)[:40]
