"""The batch commands: set, get, delete."""
