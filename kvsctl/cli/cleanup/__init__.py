"""From options to jobs that delete or rewrite what a selection chooses.

- `delete_request`: delete, of keys or of what selectors choose.
- `expire_request`: give records a ttl.
"""
