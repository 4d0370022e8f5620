"""Settings from flags, the environment and the configuration file.

- `file`: read the configuration file.
- `waiting`: refuse files on which a read could wait for ever.
- `built_in`: the targets that need no configuration file.
- `toml_lines`: find the lines of tables and names in a TOML text.
- `variables`: refuse a variable whose name is nearly that of a setting.
- `sections`: refuse unknown names and invalid values in a target's section.
- `nearest`: find the known names nearest to an unknown one.
- `base_urls`: refuse a base URL with a path that requests add themselves.
- `targets`: choose the target and its token.
- `installations`: the installations that a command works on, from options or a file.
- `settings`: resolve how a run works; the home of its defaults.
- `origins`: every setting of a command, and where it came from; all targets.
- `array_jobs`: the part of the keys that a task of an array job works on.
- `limitsfile`: read `--limits FILE`.
"""
