"""List a store through queries: every key once, page by page, several ranges at a time.

Words used here:

- A *page* is what one query answers: at most 100 records, in key order for plain keys, and a cursor
  if there are more. Cursors are never kept for later (contract: section "Behaviour").
- A *range* is a part of the keys that is listed by one chain of queries: the keys that begin with
  a prefix, without those up to the last key that an earlier chain has listed.
- A *space* is what one listing covers: the plain keys, or an entity by one of its indexes.

Modules:

- `plan`: what a listing covers, and what it chooses.
- `ranges`: divide the keys among ranges. Pure.
- `remainder`: what is left of a listing, for a journal. Pure.
- `reading`: read one page, with every retry that it needs, at the pace of the installation.
- `repeats`: notice cursors and keys that a listing had before.
- `lister`: list several ranges at a time, and divide a range that keeps others waiting.
- `judge`: which records of a page are chosen. Pure.
- `walk`: from spaces and a selection to chosen records.
- `run`: a run whose records are printed as the queries return them.
"""
