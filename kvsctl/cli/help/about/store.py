"""For the commands that work on whole stores: see `form`."""

from collections.abc import Mapping
from typing import Final

from kvsctl.cli.help.about.form import CHANGES, CLEAN_UP, REPORT, STORE, TARGET, About

ABOUT: Final[Mapping[tuple[str, ...], About]] = {
    ("list",): About(
        examples=(
            ("Print the keys of users", "kvsctl list -t local user:"),
            (
                "Show the size and the times of the first 20 keys",
                "kvsctl list -t local --long --limit 20",
            ),
            (
                "Count the records that have not changed for 30 days",
                "kvsctl list -t local --older-than 30d --count",
            ),
        ),
        common=(
            *("match", "exclude", "older_than", "newer_than", "expired"),
            *("where", "entity"),
            *("as_", "long", "limit", "count"),
            *TARGET,
            *REPORT,
        ),
        topics=("selectors", "targets", "tuning"),
        docs=STORE,
    ),
    ("export",): About(
        examples=(
            (
                "Save a whole store in a compressed file, and check the file",
                "kvsctl export -t local -o store.jsonl.gz",
                "kvsctl verify store.jsonl.gz",
            ),
            (
                "Save the records of users that changed within a week",
                "kvsctl export -t local user: --newer-than 7d -o users.jsonl",
            ),
        ),
        common=(
            *("match", "exclude", "older_than", "newer_than", "where", "entity", "plain"),
            *("skip_expired", "output", "consistent", "journal"),
            *TARGET,
            *REPORT,
        ),
        topics=("selectors", "targets", "resuming", "tuning"),
        docs=STORE,
    ),
    ("du",): About(
        examples=(
            ("Show which prefixes take the most", "kvsctl du -t local"),
            (
                "Divide what begins with user: two levels deeper, as a table",
                "kvsctl du -t local user: --depth 2 --as table",
            ),
        ),
        common=(
            *("match", "exclude", "older_than", "where", "entity"),
            *("depth", "separator", "top", "as_"),
            *TARGET,
            *REPORT,
        ),
        topics=("selectors", "targets", "tuning"),
        docs=STORE,
    ),
    ("verify",): About(
        examples=(
            (
                "Check that an export is whole and unchanged",
                "kvsctl export -t local -o store.jsonl",
                "kvsctl verify store.jsonl",
            ),
            (
                "Also compare a twentieth of its records with the store",
                "kvsctl verify store.jsonl --against local --sample 1/20",
            ),
        ),
        common=("against", "sample", "report", *REPORT),
        topics=("targets", "tuning"),
        docs=STORE,
    ),
    ("diff",): About(
        examples=(
            (
                "Show what changed in a store since an export",
                "kvsctl export -t local -o before.jsonl",
                "kvsctl diff -f before.jsonl -t local --all",
            ),
            (
                "Compare the records of two files",
                "kvsctl diff -f before.jsonl --with before.jsonl",
            ),
        ),
        common=(
            *("file", "with_", "from_", "match", "entity", "all"),
            *("only", "as_", "output"),
            *("target", "url", "token_file"),
            *REPORT,
        ),
        topics=("selectors", "targets", "tuning"),
        docs=STORE,
    ),
    ("sync",): About(
        examples=(
            (
                "Copy the local store to an emulator, which is then stopped",
                "kvsctl serve --port 8787 &",
                "kvsctl sync --from local --url http://127.0.0.1:8787 --all --yes",
                "kill $!",
            ),
            (
                "Show what would be written for one prefix",
                "kvsctl serve --port 8787 &",
                "kvsctl sync --from local --url http://127.0.0.1:8787 user: --dry-run",
                "kill $!",
            ),
        ),
        common=(
            *("from_", "all", "match", "where", "entity"),
            *("dry_run", "yes", "plan", "journal"),
            *("target", "url", "token_file"),
            *REPORT,
        ),
        topics=("selectors", "targets", "resuming", "tuning"),
        docs=STORE,
    ),
    ("expire",): About(
        examples=(
            (
                "Show which sessions have no ttl yet",
                "kvsctl expire -t local session: --no-expiry --ttl 30d --dry-run",
            ),
            (
                "Give them one without a question",
                "kvsctl expire -t local session: --no-expiry --ttl 30d --yes",
            ),
        ),
        common=(
            *("ttl", "all", "match", "no_expiry", "older_than", "where", "entity", "protect"),
            *("dry_run", "yes", "plan"),
            "target",
            *REPORT,
        ),
        topics=("selectors", "targets", "tuning"),
        docs=CLEAN_UP,
    ),
    ("clean",): About(
        examples=(
            (
                "Show what a rule for old drafts would delete",
                r"""printf '[[rules]]\nname = "drafts"\nprefix = "draft:"\n' > rules.toml""",
                r"""printf 'older_than = "30d"\naction = "delete"\n' >> rules.toml""",
                "kvsctl clean -t local -f rules.toml --dry-run",
            ),
            (
                "Delete it without a question, and save it first",
                "kvsctl clean -t local -f rules.toml --undo 'undo-{date}.jsonl' --yes",
            ),
        ),
        common=("rules", "protect", *CHANGES, *TARGET, "max_duration", "lock", *REPORT),
        topics=("targets", "tuning"),
        docs=CLEAN_UP,
    ),
    ("apply",): About(
        examples=(
            (
                "Plan to delete what begins with tmp:, and look at the plan",
                "kvsctl set -t local tmp:2025=1 tmp:2026=2",
                "kvsctl delete -t local --prefix tmp: --plan plan.jsonl",
                "kvsctl apply plan.jsonl --show",
            ),
            (
                "Carry out a part of it",
                "grep 'tmp:2025' plan.jsonl | kvsctl apply - -t local --yes",
            ),
            (
                "Carry out the rest",
                "kvsctl apply plan.jsonl -t local --yes",
            ),
        ),
        common=("show", "max_delete", "dry_run", "yes", "undo", "journal", *TARGET, *REPORT),
        topics=("targets", "resuming", "tuning"),
        docs=CLEAN_UP,
    ),
}
