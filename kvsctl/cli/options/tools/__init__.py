"""Options of commands that do not work on records.

- `asking`: options of every command that asks a target something.
- `ping`: options of `ping` only.
- `config`: how settings are shown, and the settings of a new target.
- `probe`: which questions a target is asked.
"""
