"""What a command imports decides how soon it begins: what it has no use for stays out."""

import subprocess
import sys
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served

_NETWORK = ("httpx", "httptools", "uvloop", "urllib.request", "kvsctl.service.transport.choose")
_SERVER = ("uvicorn", "yaml", "kvsctl.emulator.web.serve", "kvsctl.emulator.web.admin")
_TABLES = ("rich",)
_QUERIES = "kvsctl.service.queries"
_RUNS = ("asyncio", "sqlite3", "orjson", "msgspec", "kvsctl.bulk", "kvsctl.records")
_RARE = (
    "email",
    "tomllib",
    "hashlib",
    "kvsctl.jobs.examine",
    "kvsctl.jobs.compare",
    "kvsctl.jobs.store",
    _QUERIES,
)
_FEW_JOBS = (
    "csv",
    "tempfile",
    "kvsctl.jobs.cron.sharded",
    "kvsctl.journal.file",
    "kvsctl.journal.resume",
    "kvsctl.journal.totals",
    "kvsctl.journal.writer",
    "kvsctl.outputs.failures",
    "kvsctl.outputs.keys",
    "kvsctl.records.cutting.array",
    "kvsctl.records.cutting.documents",
    "kvsctl.records.cutting.rows",
    "kvsctl.records.cutting.signatures",
    "kvsctl.records.fast.rows",
    "kvsctl.records.parsing.header",
    "kvsctl.records.parsing.objects",
    "kvsctl.records.parsing.tables",
    "kvsctl.shards",
)
_STORE = ("kvsctl.backups", "kvsctl.comparison")
_OTHER_COMMANDS = (
    "kvsctl.cli.commands.records.set",
    "kvsctl.cli.commands.records.delete",
    "kvsctl.cli.commands.store.verify",
    "kvsctl.cli.commands.store.list",
    "kvsctl.cli.commands.store.export",
    "kvsctl.cli.commands.store.du",
    "kvsctl.usage",
    "kvsctl.listing",
    "kvsctl.selection",
    "kvsctl.cli.commands.store.diff",
    "kvsctl.cli.commands.store.sync",
    "kvsctl.cli.commands.store.expire",
    "kvsctl.cli.commands.store.clean",
    "kvsctl.cli.commands.store.apply",
    "kvsctl.cli.commands.tools.ping",
    "kvsctl.jobs.ping",
    "kvsctl.cli.commands.tools.probe",
    "kvsctl.jobs.probe",
    "kvsctl.cli.commands.tools.serve",
    "kvsctl.cli.commands.tools.installations",
    "kvsctl.cli.commands.tools.journal",
    "kvsctl.cli.commands.tools.report",
    "kvsctl.report.merging",
    "kvsctl.cli.commands.tools.bridge",
    "kvsctl.bridge",
    "kvsctl.cli.commands.tools.config",
    "kvsctl.cli.commands.tools.completion",
    "kvsctl.cli.completion",
    "kvsctl.cli.commands.tools.help",
    "kvsctl.cli.help.topics",
)
_COMMANDS_BUT_HELP = tuple(
    name for name in _OTHER_COMMANDS if not name.endswith((".help", ".topics"))
)
_PAGES = ("kvsctl.cli.help.about", "kvsctl.cli.help.layout", "kvsctl.cli.help.page")
_EVERYTHING = (*_NETWORK, *_SERVER, *_TABLES, *_RUNS)
_NOT_FOR_HELP = ("dataclasses", "tempfile", "kvsctl.durations", "kvsctl.report.console")

_LIST = """
import atexit, sys
def tell():
    sys.stderr.write("\\n".join(["", *(name for name, module in sys.modules.items() if module)]))
atexit.register(tell)
from kvsctl.__main__ import main
sys.argv[0] = "kvsctl"
main()
"""


def _imported(kvsctl: Command, *words: str, **variables: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _LIST, *words],
        env=kvsctl.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (["--version"], ("typer", "kvsctl.cli", *_EVERYTHING)),
        (["-V"], ("typer", "kvsctl.cli", *_EVERYTHING)),
        (["--help"], (*_EVERYTHING, *_OTHER_COMMANDS, "kvsctl.cli.commands.records.get")),
        (["help"], (*_EVERYTHING, *_COMMANDS_BUT_HELP, "kvsctl.cli.commands.records.get")),
        (["help", "set"], (*_EVERYTHING, "kvsctl.cli.commands.records.get")),
        (["help", "tuning"], (*_EVERYTHING, "kvsctl.cli.commands.records.get")),
        (["set", "--help"], (*_EVERYTHING, *_NOT_FOR_HELP)),
        (["get", "--help"], (*_OTHER_COMMANDS, *_EVERYTHING)),
        (["list", "--help"], _EVERYTHING),
        (["du", "--help"], _EVERYTHING),
        (["serve", "--help"], _EVERYTHING),
        (["ping", "--help"], _EVERYTHING),
        (["probe", "--help"], _EVERYTHING),
        (["verify", "--help"], _EVERYTHING),
        (["diff", "--help"], _EVERYTHING),
        (["sync", "--help"], _EVERYTHING),
        (["expire", "--help"], _EVERYTHING),
        (["clean", "--help"], (*_EVERYTHING, "tomllib", "kvsctl.retention")),
        (["apply", "--help"], _EVERYTHING),
        (["installations", "--help"], _EVERYTHING),
        (["journal", "show", "--help"], _EVERYTHING),
        (["report", "merge", "--help"], _EVERYTHING),
        (["bridge", "init", "--help"], (*_EVERYTHING, "kvsctl.bridge")),
        (["config", "init", "--help"], (*_EVERYTHING, "kvsctl.jobs.settings")),
        (["completion", "--help"], _EVERYTHING),
        (
            ["get", "there", "-t", "local"],
            (
                *_OTHER_COMMANDS,
                *_NETWORK,
                *_SERVER,
                *_TABLES,
                *_RARE,
                *_STORE,
                *_FEW_JOBS,
                *_PAGES,
            ),
        ),
    ],
    ids=" ".join,
)
def test_a_command_imports_what_it_needs(
    kvsctl: Command, words: list[str], left_out: tuple[str, ...]
) -> None:
    if words[0] == "get" and "--help" not in words:
        kvsctl("set", "there=1", "-t", "local", status=0)
    imported = _imported(kvsctl, *words)
    assert "kvsctl" in imported
    assert imported.isdisjoint(left_out)


@pytest.mark.parametrize(
    ("words", "loads"),
    [
        ([], False),
        (["--older-than", "1d"], False),
        (["--age-from", "key:%Y-%m", "--older-than", "1d"], False),
        (["--age-from", "value.at", "--older-than", "1d"], True),
        (["--where", "key == 'a'"], True),
    ],
    ids=str,
)
def test_expressions_are_loaded_only_for_an_expression(
    kvsctl: Command, words: list[str], *, loads: bool
) -> None:
    imported = _imported(kvsctl, "list", "-t", "local", *words)
    assert ("jmespath" in imported) == loads


def test_a_target_over_the_network_has_no_use_for_the_emulator(
    kvsctl: Command, tmp_path: Path
) -> None:
    with served(embedded(tmp_path / "served.db")) as url:
        imported = _imported(kvsctl, "set", "there=1", "--url", url)
    assert "kvsctl.service.transport.direct" in imported
    left_out = ("kvsctl.emulator", "httpx", "rich", "uvicorn", "yaml", "urllib.request")
    assert imported.isdisjoint(left_out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("words", ["", "set --tok", "set -t ", "set --entity "])
def test_completion_needs_neither_network_nor_tables(
    kvsctl: Command, shell: str, words: str
) -> None:
    given = [] if shell == "bash" else words.split(" ")
    imported = _imported(kvsctl, *given, _KVSCTL_COMPLETE=shell, _KVSCTL_LINE=f"kvsctl {words}")
    assert ("typer" in imported) == bool(words)
    assert imported.isdisjoint({*_EVERYTHING, "kvsctl.emulator"})
    if words:
        needed = {"kvsctl.cli.commands.records.set", "kvsctl.cli.completion"}
        assert imported.isdisjoint(set(_OTHER_COMMANDS) - needed)


_DATACLASSES = """
import atexit, sys
def tell():
    ours = [module for name, module in sys.modules.items() if name.startswith("kvsctl")]
    made = {one for module in ours for one in vars(module).values() if isinstance(one, type)}
    slow = sorted(one.__name__ for one in made if hasattr(one, "__dataclass_fields__"))
    sys.stderr.write(repr(slow))
atexit.register(tell)
from kvsctl.__main__ import main
sys.argv[0] = "kvsctl"
main()
"""


def test_reading_a_key_makes_no_dataclass(kvsctl: Command) -> None:
    """Each compiles its methods as it is made, which takes 20 to 50 times as long as a struct."""
    kvsctl("set", "there=1", "-t", "local", status=0)
    done = subprocess.run(
        [sys.executable, "-c", _DATACLASSES, "get", "there", "-qt", "local"],
        env=kvsctl.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]"


_FREEZE_COUNT = """
import atexit, gc, sys
atexit.register(lambda: sys.stderr.write(f"{gc.get_freeze_count() > 10_000}"))
from kvsctl.__main__ import main
sys.argv[0] = "kvsctl"
main()
"""


def test_no_garbage_is_looked_for_as_the_process_ends(kvsctl: Command) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FREEZE_COUNT, "set", "--help"],
        env=kvsctl.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "True"
