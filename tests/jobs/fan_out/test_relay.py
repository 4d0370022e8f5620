"""The process of the command is sent how far a unit is; an address that is gone stops nothing."""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.jobs.fan_out.relay import Relay, RelayedDisplay
from kvsctl.report.progress.board import Board
from kvsctl.report.progress.standing import Pause, Standing
from kvsctl.service.auth.terminal_use import drawn_on, is_lent, lent, lent_by
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_NOW = Standing("set", 7, done=0.5, pause=Pause("waiting 48 s for quota"))


class Unit:
    """A unit that stands still."""

    def standing(self) -> Standing:
        return _NOW

    def parts(self) -> Sequence[Standing]:
        return ()


def test_a_unit_is_shown_while_it_is_carried_out() -> None:
    board = Board("set", "part", 2, Tally(), lambda: 0)
    relay = Relay(board)
    try:
        with RelayedDisplay(relay.address, "shard 1/2").showing(Unit()):
            wait_until(lambda: len(board.parts()) == 1)
            (shown,) = board.parts()
            assert (shown.label, shown.count, shown.pause) == ("shard 1/2", 7, _NOW.pause)
        wait_until(lambda: not board.parts())
    finally:
        relay.close()


@only_on(IS_POSIX, "sockets with a path")
def test_a_unit_is_shown_where_the_path_of_temporary_files_is_long(tmp_path: Path) -> None:
    """A socket's path has at most about 100 bytes."""
    board = Board("set", "part", 2, Tally(), lambda: 0)
    with patch("multiprocessing.util.get_temp_dir", return_value=str(tmp_path / ("t" * 110))):
        relay = Relay(board)
    folder = Path(relay.address).parent
    try:
        with RelayedDisplay(relay.address, "shard 1/2").showing(Unit()):
            wait_until(lambda: len(board.parts()) == 1)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        relay.close()
    assert not folder.exists()


def test_an_address_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    with RelayedDisplay(str(tmp_path / "none"), "shard 1/2").showing(Unit()):
        pass


def test_the_end_of_the_command_stops_no_unit() -> None:
    relay = Relay(Board("set", "part", 2, Tally(), lambda: 0))
    with RelayedDisplay(relay.address, "shard 1/2").showing(Unit()):
        relay.close()


def test_a_unit_borrows_the_terminal_for_its_token_command() -> None:
    relay = Relay(Board("set", "part", 2, Tally(), lambda: 0))
    erased: list[bool] = []
    try:
        with drawn_on(lambda: erased.append(is_lent())):
            with RelayedDisplay(relay.address, "shard 1/2").lending():
                assert erased == [True], "before the command begins"
                assert is_lent()
            wait_until(lambda: not is_lent())
    finally:
        relay.close()


def test_a_unit_whose_command_has_ended_runs_its_token_command(tmp_path: Path) -> None:
    with RelayedDisplay(str(tmp_path / "none"), "shard 1/2").lending():
        assert not is_lent()


def test_a_worker_in_the_process_that_draws_lends_the_terminal_once() -> None:
    """A worker of a cluster may be a thread of it."""
    relay = Relay(Board("set", "part", 2, Tally(), lambda: 0))
    erased: list[bool] = []
    try:
        display = RelayedDisplay(relay.address, "shard 1/2")
        with lent_by(display.lending), drawn_on(lambda: erased.append(is_lent())), lent():
            assert erased == [True, True], "by this process, and by what it lends from"
        wait_until(lambda: not is_lent())
    finally:
        relay.close()
