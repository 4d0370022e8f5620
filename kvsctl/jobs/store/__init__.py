"""Jobs on backups and whole stores.

- `verifying`: check an export against its manifest.
- `comparing`: compare two sets of records.
- `manifest`: write the manifest of an export.
- `reading`: read from a store what the other side of a comparison holds.
- `listing`: list what a store holds, as one side of a comparison.
- `source`: what a listing of another store chooses, as records to set.
- `deletions`: plan to delete what a target has and the source of a sync does not.
- `printing`: print differences.
- `progress`: show how far a comparison has come.
"""
