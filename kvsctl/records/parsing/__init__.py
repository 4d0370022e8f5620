"""The careful way from one piece of input to a record or a problem. Complete by itself.

- `records`: JSON lines, arguments and plain keys.
- `objects`: objects whose key and value are picked by `--key`, `--key-field`, `--value-field`.
- `tables`, `header`, `cells`: rows of a table.
"""
