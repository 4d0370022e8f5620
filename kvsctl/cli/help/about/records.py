"""For `set`, `get` and `delete`: see `form`."""

from collections.abc import Mapping
from typing import Final

from kvsctl.cli.help.about.form import (
    CHANGES,
    CLEAN_UP,
    FILES,
    INPUT,
    LOAD_TABLE,
    REPORT,
    SELECTION,
    TARGET,
    About,
)

ABOUT: Final[Mapping[tuple[str, ...], About]] = {
    ("set",): About(
        examples=(
            (
                "Write two records to the local store",
                """kvsctl set -t local greeting=hello 'user:1={"name": "Ada"}'""",
            ),
            LOAD_TABLE,
            (
                "Check it and show what its load would cost, without sending anything",
                "kvsctl set -t local -f users.csv --key 'user:{id}' --dry-run",
            ),
        ),
        common=(
            *FILES,
            *("entity", "ttl", "dry_run", "changed_only", "journal", "failures"),
            *TARGET,
            *REPORT,
        ),
        topics=("input", "targets", "resuming", "tuning"),
        docs=INPUT,
    ),
    ("get",): About(
        examples=(
            (
                "Write a record and read it back",
                "kvsctl set -t local greeting=hello",
                "kvsctl get -t local greeting",
            ),
            (
                "Read the records whose keys another command prints",
                "kvsctl list -t local user: | kvsctl get -t local --values",
            ),
            (
                "Save the keys of a file that exist, with their times",
                r"printf 'greeting\nfarewell\n' > keys.txt",
                "kvsctl get -t local -f keys.txt --ignore-missing --metadata -o found.jsonl",
            ),
        ),
        common=(
            *("file", "entity"),
            *("values", "metadata", "ignore_missing", "output"),
            *("dry_run", "journal", "failures"),
            *TARGET,
            *REPORT,
        ),
        topics=("input", "targets", "resuming", "tuning"),
        docs=INPUT,
    ),
    ("delete",): About(
        examples=(
            (
                "Delete the keys that another command prints, one per line",
                "printf 'greeting\\nuser:1\\n' | kvsctl delete -t local",
            ),
            (
                "Show which drafts are older than 30 days, and delete none",
                "kvsctl delete -t local --prefix draft: --older-than 30d --dry-run",
            ),
            (
                "Delete what begins with tmp: without a question, and save it first",
                "kvsctl delete -t local --prefix tmp: --undo 'undo-{date}.jsonl' --yes",
            ),
        ),
        common=(
            *("file", "prefix_option", "all", "entity"),
            *SELECTION,
            *CHANGES,
            *("max_delete", "target"),
            *REPORT,
        ),
        topics=("selectors", "targets", "resuming", "tuning"),
        docs=CLEAN_UP,
    ),
}
