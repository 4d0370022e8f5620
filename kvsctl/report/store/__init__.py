"""What is shown of backups and whole stores.

- `verification`: the result of `kvsctl verify`.
- `differences`: what diff shows to people.
"""
