"""Jobs that work on several installations of an app.

- `choosing`: which installations a job works on.
- `job`: the same job on each of them, as one frozen request.
- `work`: carry it out, many installations at a time.
- `requirements`: what must hold before it is begun.
- `part`: carry out the job of one of them.
- `cleaning`: a clean-up of them: `counting` lists each, `consent` asks once for all.
- `sources`: jobs that compare all of them with one store.
- `plans`: carry out the plan of each.
- `runs`, `sharing`: what the jobs share: signals, connections, standard output.
- `ledger`, `ledger_lines`: where a stopped job resumes.
- `limits`, `stops`: when no other installation is begun.
- `sums`, `ending`: add up how they ended, and report it.
"""
