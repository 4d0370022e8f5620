"""Options of commands beside the records.

- `asking`: how a target is asked, whatever it is.
- `ping`: how a target is asked whether it answers.
- `config`: how settings are shown, and what a new target is.
- `probe`: which questions a target is asked.
"""
