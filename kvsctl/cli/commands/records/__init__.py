"""The batch commands: `set`, `get` and `delete`."""
