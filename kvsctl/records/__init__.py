"""Bytes in, records and problems out.

- `reader`: read all inputs in order and number their records.
- `sources`: open files, stdin and arguments; detect format and compression.
- `formats`, `shapes`: which format a file has; where an object keeps its key and value.
- `parser_choice`: pick the parser for a format and a shape.
- `fields`, `checks`, `ttl`, `parsed`: the parts that all parsers share.
- `cutting`: cut bytes into lines, array elements and table rows.
- `parsing`: the careful way from a line or row to a record; complete by itself.
- `fast`: the same records, sooner, for common lines and rows.
"""
