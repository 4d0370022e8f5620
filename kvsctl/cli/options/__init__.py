"""The options of commands, in groups, each in a module. Their names are promises to users.

- `input`, `shape`, `checking`: what to work on, how to read it, what it is checked against.
- `selection`, `listing`: which records of a store, and how it is listed.
- `set`, `get`: what only one command takes; `comparing`: what only `diff`, `sync` and
  `verify` take.
- `cleanup`: options of commands that delete or rewrite what a selection chooses.
- `installations`: options of commands that work on several installations.
- `target`, `running`, `journal`, `report`: where to work, how, how to resume, and what to show.
- `cron`: options of unattended jobs.
- `tools`: options of commands that do not work on records.
- `serve`: the options of `kvsctl serve`.
- `panels`: the headings under which help shows them.
"""
