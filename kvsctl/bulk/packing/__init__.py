"""Which records share a request.

- `rule`: the limits of one request.
- `best_fit`: divide sizes into requests that cost few quota units.
- `packer`: apply both to the records that wait.
- `capacity`: learn from refusals that the service takes less in a request than documented.
"""
