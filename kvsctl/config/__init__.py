"""Settings from flags, the environment and the configuration file.

- `file`: read the configuration file.
- `targets`: choose the target and its token.
- `settings`: resolve how a run works; the home of its defaults.
- `limitsfile`: read `--limits FILE`.
"""
