"""From options to jobs on several installations.

- `chosen`: which installations the options name.
"""
