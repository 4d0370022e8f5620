"""The options that commands take, in groups: one module a group. Their names are promises to users.

- `input`, `shape`, `checking`: what to work on, how to read it, what it is checked against.
- `selection`, `listing`: which records of a store, and how it is listed.
- `set`, `get`: what only one command takes; `comparing`: what only `diff`, `sync` and
  `verify` take.
- `cleanup`: what only commands take that delete what selectors choose.
- `installations`: of commands that work on several installations.
- `target`, `running`, `journal`, `report`: where to, how, resumable, and what to show.
- `cron`: what jobs take that run by themselves.
- `tools`: what commands take beside the records.
- `serve`: the options of `kvsctl serve`.
- `panels`: the headings under which help shows them.
"""
