"""What `kvsctl help TOPIC` says: a few paragraphs, tables, and options from the commands."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kvsctl.cli.help.about.form import (
    INPUT,
    JOURNAL,
    LOAD_TABLE,
    README,
    SELECTORS,
    TARGETS,
    Example,
)
from kvsctl.cli.options import panels


class Topic(NamedTuple):
    """A topic.

    `tables` are headings with rows of a name and a text. `options` names a command and a heading:
    the options under it are shown after the tables; with `names`, only these options.
    """

    sentence: str
    paragraphs: Sequence[str]
    examples: Sequence[Example] = ()
    tables: Sequence[tuple[str, Sequence[tuple[str, str]]]] = ()
    options: tuple[str, str] | None = None
    names: Sequence[str] = ()
    docs: str = README


_TUNING: Final = Topic(
    sentence="How a run is made faster, gentler or more patient.",
    paragraphs=(
        "Most runs need none of these options. A run finds by itself how many requests in flight "
        "help. It keeps to its share of the documented quota: 1000 requests per second and, per "
        "minute, 4000 units for reads and 4000 for writes. A unit is 10 KB of a request or of an "
        "answer, rounded up. The rest of the quota is left to the app.",
        "An option beats the environment, the environment beats the configuration file, and the "
        "file beats the default. In the file, a setting has the name of its option, with _ for -.",
        "Faster: raise --quota-share if the app does not need its part of the quota. Gentler: "
        "lower it, or give --rps and --units-per-min. More patient: raise --give-up-after and "
        "--patience, so that a run outlasts a longer outage.",
    ),
    examples=(
        (
            "Leave nine tenths of the quota to the app",
            "kvsctl set -t local greeting=hello --quota-share 0.1",
        ),
        (
            "Do the same for every command of this shell",
            "export KVSCTL_QUOTA_SHARE=0.1",
            "kvsctl set -t local greeting=hello",
        ),
    ),
    options=("set", panels.TUNING),
    docs="docs/running.md",
)

_INPUT: Final = Topic(
    sentence="Which input set, get and delete read, and how.",
    paragraphs=(
        "Input is the arguments, then each --file in order. stdin is read if there are neither.",
        'A record is a JSON object: {"key": "user:1", "value": {"name": "Ada"}}, and optionally '
        '"entityName" and "ttl". It can be on a line of its own (JSON Lines) or in an array. '
        "A table (CSV or TSV) has a header with the columns key and value, or with those that "
        "--key, --key-field and --value-field name. get and delete also take plain keys, one per "
        "line.",
        "The format is that of --format, else that of the suffix (.jsonl, .ndjson, .json, .csv, "
        ".tsv, .keys), else that of the first bytes. gzip, bzip2, xz and zstd are decompressed.",
        "Each record is checked against the limits of the service before it is sent. A bad record "
        "fails alone. If a key occurs more than once, its last valid record wins.",
    ),
    examples=(
        LOAD_TABLE,
        (
            "Load JSON Lines from a pipe",
            """echo '{"key": "user:3", "value": 3}' | kvsctl set -t local -f -""",
        ),
    ),
    options=("set", panels.INPUT),
    docs=INPUT,
)

_SELECTORS: Final = Topic(
    sentence="How records of a store are chosen, for every command that lists it.",
    paragraphs=(
        "All given conditions must hold. list, export and du work on the whole store without any; "
        "delete, expire and sync need a prefix, --match, --regex or --all. delete takes keys as "
        "arguments, and so the prefix as --prefix.",
        "A prefix, and the literal beginning of a glob, decide what is read. All other conditions "
        "are applied to what was read, so they cost as much as the prefix alone.",
        "Secrets cannot be listed. Entities are chosen by --entity, in place of plain keys.",
    ),
    examples=(
        (
            "Count the sessions that have not changed for 30 days",
            "kvsctl list -t local session: --older-than 30d --count",
        ),
        (
            "Show the keys of all users but the protected ones",
            "printf 'user:1\\nuser:admin-*\\n' > protected.keys",
            "kvsctl list -t local --match 'user:*' --protect protected.keys",
        ),
    ),
    options=("delete", panels.SELECTION),
    docs=SELECTORS,
)

_TARGETS: Final = Topic(
    sentence="Which store a command works on, and with which token.",
    paragraphs=(
        "The target is the first of these: --target or --url; KVSCTL_TARGET or KVSCTL_URL; default "
        "in the configuration file; on a terminal, local. A script must name one.",
        "The token is the first of these: --token-file or --token-command; token_file or "
        "token_command of the target in the configuration file; KVSCTL_TOKEN. No option takes the "
        "token itself, because other users of the machine can read the arguments of a process.",
        "The configuration file is $XDG_CONFIG_HOME/kvsctl/config.toml, or the one that "
        "KVSCTL_CONFIG names. A target is a section [targets.NAME] with a url, a source of its "
        "token, and the default of any option for tuning. read_only = true and protected = true "
        "guard it.",
    ),
    examples=(
        ("Find out whether a target answers", "kvsctl ping -t local"),
        ("Choose the target for every command of this shell", "export KVSCTL_TARGET=local"),
    ),
    tables=(
        (
            "Targets",
            (
                ("local", "The emulator inside kvsctl, on a file of this machine."),
                ("forge", "The service, with an app system token."),
                ("container", "The proxy of a Forge Container (FORGE_EGRESS_PROXY_URL)."),
                ("NAME", "A section [targets.NAME] of the configuration file."),
            ),
        ),
    ),
    options=("set", panels.TARGET),
    docs=TARGETS,
)

_RESUMING: Final = Topic(
    sentence="How a run that was stopped is resumed, and how failures are retried.",
    paragraphs=(
        "With --journal FILE, a run that is stopped by Ctrl-C, a kill or a power cut is resumed by "
        "the same command. Its report counts the whole job. Without a journal, set and delete can "
        "be repeated: that changes nothing but the cost.",
        "A first Ctrl-C, and SIGTERM, finish what is in flight, report, and end the run. A second "
        "one ends it at once.",
        "With --failures FILE, the records that failed are kept as input for the same command.",
    ),
    examples=(
        (
            "Load with a journal, and show how far it is",
            "kvsctl set -t local greeting=hello --journal load.journal",
            "kvsctl journal show load.journal",
        ),
        (
            "Keep what fails, and retry it",
            "kvsctl set -t local greeting=hello --failures failed.jsonl",
            "kvsctl set -t local -f failed.jsonl --failures failed-again.jsonl",
        ),
    ),
    options=("set", ""),
    names=("journal", "journal_force", "retry_failed", "max_duration", "failures"),
    docs=JOURNAL,
)

_ENVIRONMENT: Final = Topic(
    sentence="The environment variables that kvsctl reads.",
    paragraphs=("An option beats its variable, and a variable beats the configuration file.",),
    examples=(
        (
            "Work on the local store with every command of this shell",
            "export KVSCTL_TARGET=local",
            "kvsctl list",
        ),
        ("Refuse every write", "KVSCTL_READ_ONLY=1 kvsctl list -t local"),
    ),
    tables=(
        (
            "Environment",
            (
                ("KVSCTL_TARGET", "Target, if neither --target nor --url is given."),
                ("KVSCTL_URL", "Base URL of the service, in place of a target."),
                ("KVSCTL_TOKEN", "Token, for targets that name no source of one."),
                ("KVSCTL_CONFIG", "Configuration file."),
                ("KVSCTL_LOCAL_DB", "Database file of the target local."),
                ("KVSCTL_READ_ONLY", "If 1, nothing is written to any target."),
                ("KVSCTL_PING_URL", "Default of --ping-url."),
                ("KVSCTL_SHARDS", "N for --shard auto, where the system does not say it."),
                ("KVSCTL_DEBUG", "If set, a defect of kvsctl shows its traceback."),
                ("KVSCTL_BATCH_SIZE, ...", "Defaults of options: see kvsctl help tuning."),
                ("FORGE_EGRESS_PROXY_URL", "Proxy of a Forge Container."),
                ("HTTPS_PROXY, NO_PROXY", "Proxy to use, and hosts to reach without it."),
                ("SSL_CERT_FILE, SSL_CERT_DIR", "Certificates to trust."),
                ("NO_COLOR, FORCE_COLOR, TERM", "Whether to write colours."),
                ("XDG_CONFIG_HOME", "Folder of the configuration file."),
                ("XDG_DATA_HOME", "Folder of the local database."),
            ),
        ),
    ),
    docs=TARGETS,
)

_EXIT_CODES: Final = Topic(
    sentence="What the exit code of a command means.",
    paragraphs=(
        "Where several apply, it is the first of these: 70, 5, 130 or 143, 141, 4, 3, 75, 1.",
    ),
    examples=(
        (
            "Tell a missing key from other ends",
            "kvsctl get -t local no-such-key || echo exit code $?",
        ),
        (
            "Go on only if every record succeeded",
            "kvsctl set -t local greeting=hello && echo all are set",
        ),
    ),
    tables=(
        (
            "Exit codes",
            (
                ("0", "Every record succeeded; for diff: everything is equal."),
                ("1", "Some records failed or are missing; for diff: something differs."),
                ("2", "Wrong usage, configuration or input, or a refusal: nothing was sent."),
                ("3", "The target refused the credentials."),
                ("4", "The target could not be reached, or the run was given up."),
                ("5", "Input or output failed part-way, such as a full disk."),
                ("70", "A defect of kvsctl."),
                ("75", "Work is left: run the same command again."),
                ("130", "Ctrl-C; what was in flight was finished and reported."),
                ("141", "The reader of stdout has closed the pipe."),
                ("143", "SIGTERM or SIGHUP; what was in flight was finished and reported."),
            ),
        ),
    ),
)

TOPICS: Final[Mapping[str, Topic]] = {
    "input": _INPUT,
    "selectors": _SELECTORS,
    "targets": _TARGETS,
    "resuming": _RESUMING,
    "tuning": _TUNING,
    "environment": _ENVIRONMENT,
    "exit-codes": _EXIT_CODES,
}
