"""The thin HTTP layer: the only importer of httpx.

- `client`: send one batch request and return its answer.
- `wire`: encode records as request bytes.
- `reply`: decode the body of a 200 answer.
- `success_form`: recognise "all succeeded" by its bytes.
- `interpret`: turn an answer, or its absence, into a reply or a fault.
- `faults`: classify status codes and exceptions.
- `auth`: authorization headers and the sources of tokens.
- `transport`: carry requests over sockets, by httpx or to an application in this process.
"""
