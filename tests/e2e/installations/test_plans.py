"""`kvsctl apply` on several installations: a plan for each, checked first and asked about once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal

_SIZES = {"a": 3, "b": 40, "c": 0, "d": 7}
_PLANS = "p-{installation}.jsonl"
_APPLY = ("apply", *ALL, _PLANS)


@pytest.fixture
def inside(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """Four stores, and a plan for each, which deletes all but one key."""
    with container(kvsctl, list(_SIZES)) as command:
        for name, size in _SIZES.items():
            records = [f"tmp:{number}=1" for number in range(size)]
            words = ("set", "-t", "container", "--installation", name)
            command(*words, "keep=1", *records, status=0)
        plan = ("delete", *ALL, "--prefix", "tmp:", "--plan", _PLANS)
        command(*plan, status=0, folder=tmp_path)
        yield command


def _left(inside: Command) -> dict[str, int]:
    counts = dict.fromkeys(_SIZES, 0)
    for line in inside("list", *ALL, status=0).lines:
        counts[line["installation"]] += 1
    return counts


_WHOLE = {name: size + 1 for name, size in _SIZES.items()}
_ONE = dict.fromkeys(_SIZES, 1)


def test_the_plan_of_each_is_carried_out(inside: Command, tmp_path: Path) -> None:
    words = (*_APPLY, "--yes", "--json", "--undo", "u-{installation}.jsonl")
    report = inside(*words, status=0, folder=tmp_path).report
    assert {name: line["succeeded"] for name, line in lines_by_name(report).items()} == _SIZES
    assert _left(inside) == _ONE
    inside("set", *ALL, "-f", "u-{installation}.jsonl", folder=tmp_path)
    assert _left(inside) == _WHOLE
    again = inside(*_APPLY, "--yes", "--json", status=0, folder=tmp_path).report
    assert again["records"] == sum(_SIZES.values())


def test_one_question_has_the_sum_and_the_largest(inside: Command, tmp_path: Path) -> None:
    plans = tmp_path / _PLANS
    screen = in_terminal(inside, "apply", *ALL, plans, typed=b"n\n", columns=200)
    assert screen.status == 2
    assert _left(inside) == _WHOLE
    lines = screen.text.replace("\r", "").splitlines()
    first = next(place for place, line in enumerate(lines) if "About to delete" in line)
    largest = lines.index("  b  40 records")
    question = " ".join(line.strip() for line in lines[first:largest])
    assert question.startswith("About to delete 50 records in container")
    assert question.endswith("of 4 installations")
    assert lines[largest + 1 : largest + 3] == ["  d  7 records", "  a  3 records"]
    assert "Each is read again first" in lines[largest + 3]
    assert "not confirmed: nothing was changed" in screen.text
    consented = in_terminal(inside, "apply", *ALL, plans, typed=b"y\n")
    assert (consented.status, consented.text.count("Delete? [y/N]")) == (0, 1)
    assert _left(inside) == _ONE


def test_nobody_is_asked_without_a_terminal(inside: Command, tmp_path: Path) -> None:
    assert b"cannot ask" in inside(*_APPLY, status=2, folder=tmp_path).err
    assert _left(inside) == _WHOLE


@pytest.mark.parametrize(
    ("most", "said"),
    [
        ("39", b"installation b: 40 records would be deleted, and --max-delete is 39: nothing"),
        ("49", b"in all installations: 50 records would be deleted, and --max-delete is 49"),
    ],
)
def test_a_limit_holds_for_each_and_in_all(
    inside: Command, tmp_path: Path, most: str, said: bytes
) -> None:
    ended = inside(*_APPLY, "--yes", "--max-delete", most, status=2, folder=tmp_path)
    assert said in ended.err
    assert _left(inside) == _WHOLE
    inside(*_APPLY, "--yes", "--max-delete", "50", status=0, folder=tmp_path)
    assert _left(inside) == _ONE


def test_a_plan_that_is_missing_or_not_its_own_stops_no_other(
    inside: Command, tmp_path: Path
) -> None:
    (tmp_path / "p-a.jsonl").unlink()
    (tmp_path / "p-b.jsonl").write_bytes((tmp_path / "p-d.jsonl").read_bytes())
    words = (*_APPLY, "--yes", "--json", "--max-delete", "100")
    report = inside(*words, status=1, folder=tmp_path).report
    assert exit_codes(report) == {"a": 2, "b": 2, "c": 0, "d": 0}
    errors = {name: line.get("error", "") for name, line in lines_by_name(report).items()}
    assert "p-a.jsonl" in errors["a"]
    assert "the installation of the plan is d, but that of the command is b" in errors["b"]
    assert _left(inside) == _WHOLE | {"d": 1}


def test_without_any_plan_the_first_one_is_named(inside: Command, tmp_path: Path) -> None:
    ended = inside("apply", *ALL, "none-{installation}", "--yes", status=2, folder=tmp_path)
    assert b"cannot read none-a: " in ended.err


def test_a_dry_run_says_what_all_would_need(inside: Command, tmp_path: Path) -> None:
    report = inside(*_APPLY, "-n", "--json", status=0, folder=tmp_path).report
    assert (report["unsent"], report["dry_run"]) == (50, True)
    assert _left(inside) == _WHOLE


def test_one_plan_is_shown(inside: Command, tmp_path: Path) -> None:
    ended = inside(*_APPLY, "--show", status=2, folder=tmp_path)
    assert b"p-{installation}.jsonl: --show shows one plan" in ended.err
    shown = inside("apply", "p-a.jsonl", "--show", status=0, folder=tmp_path)
    assert len(shown.out.splitlines()) == 3


@pytest.mark.parametrize("setting", ["protected", "read_only"])
def test_a_dry_run_needs_no_confirmation(inside: Command, tmp_path: Path, setting: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"[targets.container]\n{setting} = true\n")
    guarded = inside.having(KVSCTL_CONFIG=str(config))
    for words in ((*_APPLY, "--yes"), ("set", *ALL, "x=1")):
        guarded(*words, "-n", status=0, folder=tmp_path)
        assert setting.replace("_", "-").encode() in guarded(*words, status=2, folder=tmp_path).err


def test_one_plan_for_all_is_refused(inside: Command, tmp_path: Path) -> None:
    for plan in ("p-a.jsonl", "-"):
        ended = inside("apply", *ALL, plan, "--yes", status=2, folder=tmp_path)
        assert b"several installations cannot have one plan" in ended.err
        assert b"--plan 'plan-{installation}.jsonl'" in ended.err


def test_a_plan_that_changes_after_the_question_is_not_carried_out(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever edits a plan while the user is asked has not asked the user."""
    from kvsctl.jobs.installations.plans import applying

    require_few = applying.Applying.require_few

    def edited(self: applying.Applying) -> None:
        require_few(self)
        plan = tmp_path / "p-b.jsonl"
        plan.write_bytes(b"".join(plan.read_bytes().splitlines(keepends=True)[1:]))

    monkeypatch.setattr(applying.Applying, "require_few", edited)
    words = (*_APPLY, "--yes", "--json", "--max-delete", "100")
    report = inside(*words, status=1, folder=tmp_path).report
    assert exit_codes(report) == {"a": 0, "b": 2, "c": 0, "d": 0}
    assert "since it was checked" in lines_by_name(report)["b"]["error"]
    assert _left(inside) == _ONE | {"b": 41}


def test_each_has_a_journal_of_its_own(inside: Command, tmp_path: Path) -> None:
    words = (*_APPLY, "--yes", "--json", "--journal", "j-{installation}")
    first = inside(*words, status=0, folder=tmp_path).report
    again = inside(*words, status=0, folder=tmp_path).report
    assert first["succeeded"] == again["succeeded"] == 50
    assert first["requests"] == again["requests"], "the journals count what was sent before"
    assert sorted(path.name for path in tmp_path.glob("j-*")) == [f"j-{name}" for name in "abcd"]
    assert _left(inside) == _ONE


def test_a_ledger_resumes(inside: Command, tmp_path: Path) -> None:
    words = (*_APPLY, "--yes", "--json", "--ledger", "l")
    (tmp_path / "p-d.jsonl").rename(tmp_path / "later")
    assert inside(*words, status=1, folder=tmp_path).report["succeeded"] == 43
    (tmp_path / "later").rename(tmp_path / "p-d.jsonl")
    ended = inside(*words, status=0, folder=tmp_path)
    assert b"finished by an earlier run" in ended.err
    assert ended.report["succeeded"] == 50
    assert _left(inside) == _ONE
