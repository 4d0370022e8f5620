"""Options of commands that work on several installations.

- `choosing`: which installations.
"""
