"""Jobs on backups and whole stores.

- `verifying`: check an export against its manifest.
- `comparing`: compare two sets of records.
- `reading`: read from a store what one side of a comparison holds.
"""
