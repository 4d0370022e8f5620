"""What can be switched on to make the service behave worse, or as its documents leave open.

- `faults`, `fault_spec`: failures on purpose, by a seed (`--faults`).
- `quota`: the documented quotas and others (`--quotas`).
- `javascript`: values as a JavaScript service would return them (`--normalise`).
"""
