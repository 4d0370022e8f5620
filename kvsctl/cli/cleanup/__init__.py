"""From options to jobs that delete or rewrite what selectors or plans choose.

- `delete_request`: delete, of keys or of what selectors choose.
- `expire_request`: give records a ttl.
- `clean_request`: carry out the rules of a retention file.
- `rule_options`: a rule of such a file, read as the options are.
- `apply_request`: carry out a plan.
- `rehearsing`: jobs that print or plan what would be done.
- `showing`: a plan, for people.
- `keeping`: where what is deleted is kept.
"""
