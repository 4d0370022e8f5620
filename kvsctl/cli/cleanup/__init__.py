"""From options to jobs that delete or rewrite what selectors or plans choose.

- `delete_request`: delete, of keys or of what selectors choose.
- `expire_request`: give records a ttl.
- `apply_request`: carry out a plan.
- `rehearsing`: jobs that print or plan what would be done.
- `showing`: a plan, for people.
- `keeping`: where what is deleted is kept.
"""
