"""The command line: the only importer of Typer. Options become a frozen request, which jobs/ runs.

- `app`: the commands, each loaded when it is called.
- `carry_out`: the edge between a job and the process: event loop, signals, exit code.
- `commands`: one module for each command: `records/` (set, get, delete), `store/` (list,
  export, du, verify, diff, sync, expire, clean, apply), `tools/` (ping, probe, serve,
  installations, journal, report, bridge, config, completion,
  help).
- `completion`: what a shell offers at a TAB.
- `options`, `option_groups`: options in groups, and how a command takes groups.
- `request`, `inputs`: from options to a job; `listing_request`, `usage_request`, `selectors`: to
  one that lists; `protecting`: the keys that a selection never chooses; `compare_request`,
  `verify_request`: to one that compares; `sync_request`: to one that makes a store like another;
  `target_choice`: to the target; `stores`: to a store besides it; `cleanup`: to one that deletes or
  rewrites what is chosen or planned;
  `installations`: to one on several installations; `tools`: to one beside the records;
  `fan_out`: to one in parts.
- `records`: how records are printed and written, and what is done about rounded numbers.
- `errors`: a command line that cannot be read, and errors for programs.
- `arguments`, `help`: the words of the command line, and help pages.
"""
