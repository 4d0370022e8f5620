"""Behaviour of the service that is off by default.

- `faults`, `fault_spec`: injected faults, reproducible by a seed (`--faults`).
- `quota`: the documented quotas or other ones (`--quotas`).
- `traffic`: the documented limits on the traffic to one key, part of the quotas.
- `profile`: settings that `kvsctl probe` found out (`--profile`).
- `javascript`: values as a JavaScript service would return them (`--normalise`).
"""
