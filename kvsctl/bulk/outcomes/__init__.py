"""Count and order outcomes, for listeners.

- `tally`: count everything that a report says.
- `positions`: settled input positions, as ranges.
- `in_order`: release outcomes in input order.
- `unreplaced`: failures that no later record of the same identity has replaced.
"""
