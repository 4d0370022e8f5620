"""Settings from flags, the environment and the configuration file.

- `file`: read the configuration file.
- `waiting`: refuse files on which a read could wait for ever.
- `built_in`: the targets that need none.
- `toml_lines`: the lines of a TOML text on which its tables and names stand.
- `variables`: refuse a variable whose name is nearly that of a setting.
- `sections`: refuse what a target's section may not hold.
- `nearest`: the known names that an unknown one is near to.
- `base_urls`: refuse a base URL that holds what requests add to it.
- `targets`: choose the target and its token.
- `installations`: the installations that a command works on, from options or a file.
- `settings`: resolve how a run works; the home of its defaults.
- `origins`: every setting of a command, and where it came from; all targets.
- `array_jobs`: the part of the keys that a task of an array job works on.
- `limitsfile`: read `--limits FILE`.
"""
