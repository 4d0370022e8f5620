"""Read records and problems from the bytes of the input.

A *piece* is a unit of input that may be a record: a line, an element of a JSON array, a row of a
table, or an argument.

- `reader`: read all inputs in order and number their records.
- `pieces`: make records and problems from the pieces of one source.
- `sources`: open files, stdin and arguments; detect format and compression.
- `formats`, `shapes`: which format a file has; where an object keeps its key and value.
- `parser_choice`: pick the parser for a format and a shape.
- `exact_numbers`: the same parsers for a bridge, which changes some numbers.
- `rules`: the limits and defaults of a command.
- `fields`, `checks`, `ttl`, `parsed`: the parts that all parsers share.
- `causes`: why a line is not a record, for the advice.
- `inferred`: the types of cells that were parsed as JSON.
- `invisible`: find invisible characters in plain keys.
- `cutting`: cut bytes into pieces.
- `parsing`: the careful path from a piece to a record; complete by itself.
- `fast`: a faster path to the same records, for many common lines or rows at once.
"""
