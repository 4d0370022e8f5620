"""Flags, environment, configuration file and defaults, in that order."""
