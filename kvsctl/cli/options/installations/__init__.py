"""Options of commands that work on several installations.

- `choosing`: which installations.
- `working`: how many at a time, and when no more are begun.
"""
