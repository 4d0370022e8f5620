"""Parse one piece of input into a record or a problem: the careful path, complete by itself.

- `records`: JSON lines, arguments and plain keys.
- `objects`: objects whose key and value `--key`, `--key-field` and `--value-field` choose.
- `tables`, `header`, `cells`: rows of a table.
"""
