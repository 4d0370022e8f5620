"""Carry out the plans of several installations, each in a file of its own.

- `applying`: check all of them, ask once, and carry them out.
"""
