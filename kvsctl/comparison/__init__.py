"""Compare two sets of records: which were added, changed or are missing.

Words: *left* is what is compared, *right* what it is compared with. A record is *added* if only
the right has it, *missing* if only the left has it, and *changed* if both have it with different
values. An *entry* is a record reduced to what a comparison needs.

- `entries`: the entries of files, in order.
- `sorting`: sort entries, on disk if there are many.
- `memory`: the memory that several sorters share.
- `pages`: the temporary file that several sorters share.
- `texts`: entries as bytes, in such files.
- `stored`: sorted entries in a temporary file, which many read at the same time.
- `joining`: walk through both sides at once, and find the differences.
- `sampling`: choose a part of the entries.
- `values`: which parts of two values differ.
"""
