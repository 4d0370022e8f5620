"""Checked backups: the manifest beside an export, and whether a file still matches it.

- `digest`: the count and the hash of uncompressed records.
- `manifest`: what a manifest says, and its JSON.
- `writer`: write a manifest once its export is complete.
- `export`: take what an export writes, for its manifest.
- `checking`: compare a file with its manifest.
"""
