"""What is installed: a typed package, which a run on the wheel tells from the checkout."""

import sysconfig
from importlib import resources
from pathlib import Path

import pytest

import kvsctl
from tests import conftest


def test_the_package_says_that_it_has_types() -> None:
    assert resources.files("kvsctl").joinpath("py.typed").is_file()


def test_a_run_on_the_wheel_refuses_a_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KVSCTL_TEST_INSTALLED", "1")
    imported = kvsctl
    monkeypatch.setattr(imported, "__file__", str(tmp_path / "kvsctl/__init__.py"))
    with pytest.raises(pytest.UsageError, match="kvsctl is imported from"):
        conftest.require_installed()
    installed = Path(sysconfig.get_path("purelib"), "kvsctl/__init__.py")
    monkeypatch.setattr(imported, "__file__", str(installed))
    conftest.require_installed()
