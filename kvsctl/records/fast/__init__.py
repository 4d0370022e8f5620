"""The fast path: the same results as `parsing`, in less time, for common input only.

A block of pieces is read at once, column by column: first all keys, then all values, and so on. A
common piece has legal members, each of them once, and nests no deeper than a value may. Keys that
are plain text must be common, too: see `keys`.

The contract between a fast function and its careful one:

- The careful parser decides what input means. It works without the fast path, and it never calls
  the fast path for a result.
- A fast function either gives the result of the careful one, byte for byte, or declines. To
  decline, it lists the piece in `others`. The caller then gives that piece to the careful parser.
- A fast function never rejects input. It declines when it is not sure, so that problems and their
  messages come from the careful path only. Declining common input costs time and nothing else.
- The result for a piece does not depend on the pieces beside it.
- Property tests run both on the same input and require equal results. A change to the rules of
  one path must keep these tests passing.

The modules:

- `keys`: which keys are common; plain keys and JSON strings, one per line.
- `members`: lines into their members, as columns, with the proof that no member occurs twice.
- `columns`: keys, values and other members, as columns, into records.
- `extras`: the columns of these other members: entities, ttls and expiry times.
- `lines`: objects in lines or arrays, as records or as keys.
- `written`: records to set that a program wrote as compact JSON.
- `rows`: rows of a table, as records or as keys.
"""
