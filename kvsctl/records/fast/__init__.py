"""The fast path: the same answers as `parsing`, sooner, for common input only.

Each parser here returns None for anything unusual; the careful parser then decides. Property tests
prove that both give the same records.

- `lines`: one common line.
- `line_blocks`: many common lines at once, without and with white space.
- `columns`: many rows of a table at once, column by column.
"""
