"""The command line: the only importer of Typer. Options become a frozen request, which jobs/ runs.

- `app`: the commands, each loaded when it is called.
- `carry_out`: the edge between a job and the process: event loop, signals, exit code.
- `commands`: one module for each command: `records/` (set, get, delete), `store/` (list,
  export, du, verify, diff, sync, expire, clean, apply), `tools/` (ping, probe, serve,
  installations, journal, report, bridge, config, completion,
  help).
- `completion`: what a shell offers when the user presses TAB.
- `options`, `option_groups`: options in groups, and how a command takes groups.
- `request`, `inputs`: from options to a job; `target_choice`: to its target; `stores`: to a second
  store.
- `listing_request`, `usage_request`, `selectors`: jobs that list a store; `protecting`: the keys
  that a selection never chooses.
- `compare_request`, `verify_request`: jobs that compare.
- `sync_request`: the job that makes a store like another.
- `cleanup`: jobs that delete or rewrite what is chosen or planned.
- `installations`: jobs on several installations; `fan_out`: jobs in parts; `tools`: jobs that do
  not work on records.
- `records`: how records are printed and written, how failed ones are retried, and what is done
  about rounded numbers.
- `errors`: a command line that cannot be read, and errors for programs.
- `arguments`, `help`: the words of the command line, and help pages.
"""
