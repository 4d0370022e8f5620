"""Compare records, and verify backups.

- `comparing`, `comparison_ending`: compare two sets of records, and report that.
- `verifying`, `verification_ending`: check an export against its manifest, and against a store.
- `reading`: read from a store what the other side of a comparison holds.
- `collecting`: keep what a listing finds, as one side of a comparison.
- `printing`: print differences.
"""
