"""The fast path: the same results as `parsing`, sooner, for common input only.

Common input is a record with a key of letters, digits and `:._#-`, a legal value, and no other
member. A common line is also all ASCII. The contract between a fast function and its careful one:

- The careful parser decides what input means. It works without the fast path, and it never calls
  the fast path for a result.
- A fast function either gives the result of the careful one, byte for byte, or declines: it
  returns None or False, lists the row in `others`, or calls the careful parser it was given.
- A fast function never rejects input. It declines when it is not sure, so that problems and their
  messages come from the careful path only. Declining common input costs time and nothing else.
- A block of lines is read at once only if the result is the same as for each line alone.
- Property tests run both on the same input and require equal results. A change to the rules of
  one path must keep these tests passing.

The modules:

- `lines`: one common line.
- `line_blocks`: many common lines at once, without and with white space.
- `columns`: many rows of a table at once, column by column.
"""
