"""Options of commands that work on several installations.

- `choosing`: which installations.
- `working`: how many at a time, and when no other one is begun.
"""
