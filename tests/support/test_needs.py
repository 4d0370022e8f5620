import pytest

from tests.conftest import pytest_runtest_setup
from tests.support.needs import needs, skip_or_fail

Skipped, Failed = pytest.skip.Exception, pytest.fail.Exception


@pytest.mark.parametrize(("ci", "ends"), [("true", Failed), ("", Skipped)])
def test_what_is_missing_is_a_failure_in_ci(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    ci: str,
    ends: type[BaseException],
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends, match="no curl"):
        skip_or_fail("no curl")
    request.node.add_marker(needs(True, "no node"))
    pytest_runtest_setup(request.node)
    request.node.add_marker(needs(False, "no uvloop"))
    with pytest.raises(ends, match="no uvloop"):
        pytest_runtest_setup(request.node)
