"""Decide which records share a request.

- `rule`: the limits of one request.
- `best_fit`: divide sizes into requests that cost few quota units.
- `packer`: apply both to the waiting records.
- `capacity`: learn from refusals that the service accepts less per request than documented.
"""
