"""The jobs of several installations, carried out by the workers of a fan-out.

- `member`: an installation of a unit, and the crew for units.
- `group`: the job of a unit: some installations, at the same time.
- `groups`: give the installations to the workers, group by group.
"""
