"""Jobs that work on several installations of an app.

- `proxy_list`: list an app's installations through the proxy of its container.
- `choice`: which installations a job works on.
- `printing`: print them.
- `job`: the same job on each of them, as one frozen request.
- `work`: carry it out, many installations at a time.
- `part`: carry out the job of one of them.
- `cleaning`: a clean-up of them: `counting` lists each, `consent` asks once for all.
- `runs`, `sharing`: what the jobs share: signals, standard output.
- `limits`, `stops`: when no other installation is begun.
- `sums`, `ending`: add up how they ended, and report it.
"""
