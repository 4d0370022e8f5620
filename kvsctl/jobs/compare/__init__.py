"""Compare records, and verify backups.

- `comparing`, `comparison_ending`: compare two sets of records, and report that.
- `verifying`, `verification_ending`: check an export against its manifest, and against a store.
- `checking`: compare files with their manifests while other jobs go on.
- `reading`: read the keys of one side of a comparison from a store.
- `collecting`: keep what a listing finds, as one side of a comparison.
- `printing`: print differences.
"""
