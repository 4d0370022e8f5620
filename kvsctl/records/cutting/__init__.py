"""Cut a stream of bytes into numbered pieces, in bounded memory.

An empty chunk in a stream, or an empty list of pieces, means that nothing more is available right
now. Callers use it to do other work instead of waiting.

- `lines`: lines.
- `documents`: refuse lines that begin with a JSON document over several lines.
- `unfinished`: follow such a document in the middle of the lines.
- `array`: the elements of one JSON array.
- `rows`, `csv_blocks`: the rows of a table, one by one or many at once.
- `separator`: the line in which a table names its delimiter.
- `compression`: decompress gzip, bzip2, xz and zstd first.
- `signatures`: refuse archives, databases, UTF-16 and other input that is not text.
"""
