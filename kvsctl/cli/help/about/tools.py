"""For the program itself and its tools: see `form`."""

from collections.abc import Mapping
from typing import Final

from kvsctl.cli.help.about.form import BRIDGE, JOURNAL, TARGETS, About

_TOPICS: Final = (
    "input",
    "selectors",
    "targets",
    "resuming",
    "tuning",
    "environment",
    "exit-codes",
)

_JOURNAL: Final = About(
    examples=(
        (
            "Write with a journal, and show it",
            "kvsctl set -t local greeting=hello --journal load.journal",
            "kvsctl journal show load.journal",
        ),
        ("Print it for a program", "kvsctl journal show load.journal --json"),
    ),
    topics=("resuming",),
    docs=JOURNAL,
)

_SHOW: Final = ("Show where each setting comes from", "kvsctl config show -t local")
_LIST: Final = ("List the targets that can be chosen", "kvsctl config targets")
_INIT: Final = (
    "Add a target, here an emulator, and make it the default",
    "kvsctl serve --port 8787 & sleep 3",
    "kvsctl config init mine --url http://127.0.0.1:8787 --default",
    "kill %1",
)
_CONFIG: Final = About(examples=(_SHOW, _LIST), topics=("targets",), docs=TARGETS)

_REPORT: Final = About(
    examples=(
        (
            "Add up the reports of two runs",
            "kvsctl set -t local greeting=hello --report one.json",
            "kvsctl set -t local farewell=bye --report two.json",
            "kvsctl report merge one.json two.json",
        ),
        ("Print the sum for a program", "kvsctl report merge one.json two.json --json"),
    ),
    docs="docs/many-processes.md",
)

_BRIDGE: Final = About(
    examples=(
        (
            "Put the bridge into an app",
            "mkdir -p my-app && touch my-app/manifest.yml",
            "kvsctl bridge init my-app",
        ),
        (
            "Put it into an app in TypeScript",
            "mkdir -p my-ts-app && touch my-ts-app/manifest.yml",
            "kvsctl bridge init my-ts-app --typescript",
        ),
    ),
    topics=("targets",),
    docs=BRIDGE,
)

ABOUT: Final[Mapping[tuple[str, ...], About]] = {
    (): About(
        examples=(
            (
                "Write a record to the local store, and read it back",
                "kvsctl set -t local greeting=hello",
                "kvsctl get -t local greeting",
            ),
            (
                "Show what the load of a file would take and cost, without sending anything",
                """echo '{"key": "user:1", "value": {"name": "Ada"}}' > users.jsonl""",
                "kvsctl set -t local -f users.jsonl --dry-run",
            ),
        ),
        topics=_TOPICS,
    ),
    ("ping",): About(
        examples=(
            ("Ask the local store", "kvsctl ping -t local"),
            ("Print the result for a program", "kvsctl ping -t local --count 1 --json"),
        ),
        topics=("targets",),
        docs=TARGETS,
    ),
    ("probe",): About(
        examples=(
            ("Show what would be asked, and what it costs", "kvsctl probe -t local --dry-run"),
            (
                "Ask one question without being asked back, and keep the answer",
                "kvsctl probe -t local --ask missing-keys --yes -o profile.json",
            ),
        ),
        topics=("targets",),
        docs="docs/probe.md",
    ),
    ("serve",): About(
        examples=(
            ("Serve an empty store in memory, until Ctrl-C", "kvsctl serve"),
            (
                "Serve a store that is kept in a file, on another port",
                "kvsctl serve --db store.db --port 8787",
            ),
            (
                "Refuse requests as the service does, with its quotas and some faults",
                "kvsctl serve --quotas --faults seed=7,429=0.05",
            ),
        ),
        common=(
            *("host", "port", "db", "seed", "manifest", "token", "installation", "verbose"),
            *("profile", "query_lag", "quotas", "faults"),
        ),
        docs="docs/emulator.md",
    ),
    ("installations",): About(
        examples=(
            (
                "Check a file of installations",
                """echo '{"installation": "one", "url": "http://127.0.0.1:8787"}' > i""",
                "kvsctl installations --url http://127.0.0.1:8787 --installations-file i",
            ),
            (
                "List those that an emulator knows, as in a Forge Container",
                "kvsctl serve --port 8787 --installation one & sleep 2",
                "export FORGE_EGRESS_PROXY_URL=http://127.0.0.1:8787",
                "kvsctl installations -t container; kill $!; unset FORGE_EGRESS_PROXY_URL",
            ),
        ),
        topics=("targets",),
        docs="docs/installations.md",
    ),
    ("completion",): About(
        examples=(
            ("Complete in this bash, and in no other", 'eval "$(kvsctl completion bash)"'),
            (
                "Complete in every new fish",
                "mkdir -p ~/.config/fish/completions",
                "kvsctl completion fish > ~/.config/fish/completions/kvsctl.fish",
            ),
        ),
    ),
    ("config",): _CONFIG,
    ("config", "path"): About(
        examples=(("Print the path of the configuration file", "kvsctl config path"), _SHOW),
        topics=("targets",),
        docs=TARGETS,
    ),
    ("config", "show"): About(
        examples=(
            _SHOW,
            ("See what options change", "kvsctl config show -t local --timeout 5s --rps 20"),
        ),
        topics=("targets", "environment"),
        docs=TARGETS,
    ),
    ("config", "targets"): About(
        examples=(_LIST, ("List them for a program", "kvsctl config targets --json")),
        topics=("targets",),
        docs=TARGETS,
    ),
    ("config", "init"): About(examples=(_INIT, _LIST), topics=("targets",), docs=TARGETS),
    ("journal",): _JOURNAL,
    ("journal", "show"): _JOURNAL,
    ("report",): _REPORT,
    ("report", "merge"): _REPORT,
    ("bridge",): _BRIDGE,
    ("bridge", "init"): _BRIDGE,
    ("bridge", "remove"): About(
        examples=(
            (
                "Put the bridge into an app, and take it out",
                "mkdir -p my-app && touch my-app/manifest.yml",
                "kvsctl bridge init my-app",
                "kvsctl bridge remove my-app",
            ),
            (
                "Take it out of the app in the current folder",
                "cd my-app && kvsctl bridge init && kvsctl bridge remove",
            ),
        ),
        topics=("targets",),
        docs=BRIDGE,
    ),
    ("help",): About(
        examples=(
            ("Show all options of a command", "kvsctl help set"),
            ("Show how a run is made faster, or gentler", "kvsctl help tuning"),
        ),
        topics=_TOPICS,
    ),
}
