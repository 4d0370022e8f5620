"""List a store through queries: every key once, page by page, several ranges at a time.

Words used here:

- A *page* is the answer to one query: at most 100 records, in key order for plain keys, and a
  cursor if there are more. Cursors are never kept for later (contract: section "Behaviour").
- A *range* is a part of the keys that is listed by one chain of queries: the keys that begin with a
  prefix, without the keys that an earlier chain has listed.
- A *space* is what one listing covers: the plain keys, or an entity by one of its indexes.

Modules:

- `plan`: what a listing covers, and what it chooses.
- `ranges`: divide the keys among ranges. Pure.
- `remainder`: what is left of a listing, for a journal. Pure.
- `reading`: read one page, with every retry that it needs, at the pace of the installation.
- `repeats`: detect repeated cursors and keys.
- `lister`: list several ranges at a time, and divide a range that keeps others waiting.
- `judge`: which records of a page are chosen. Pure.
- `walk`: yield the chosen records of all spaces.
- `run`: a run whose records are printed as the queries return them.
"""
