"""Cut a stream of bytes into pieces, each with its number, in bounded memory.

- `lines`: lines.
- `array`: the elements of one JSON array.
- `rows`, `csv_blocks`: the rows of a table, one by one or many at once.
- `compression`: decompress gzip and zstd first.
"""
