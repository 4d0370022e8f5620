"""Rules of retention: which records of a store are deleted, kept or given a ttl.

- `file`: the rules of a file as they are written.
- `groups`: groups of keys by a template, and the latest records of each.
- `rules`: which of several rules settles a record.
"""
