"""Options of commands beside the records.

- `ping`: how a target is asked whether it answers.
- `probe`: which questions a target is asked.
"""
