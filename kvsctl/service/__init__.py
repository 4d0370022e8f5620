"""The thin HTTP layer: the only importer of httpx.

- `client`: send one batch request or query and return its answer.
- `bridges`: learn from answers about a bridge in front of the store, whether configured or not.
- `single_sets`: set one record per request, unless its key exists.
- `raw`: send a request with any body.
- `daemon_thread`: wait on an event loop for work that may hang, such as a token command.
- `wire`: encode records as request bytes.
- `reply`: decode the body of a batch's 200 answer.
- `queries`: encode a query, and decode the page that answers it.
- `installations`: ask a container's proxy for the installations of the app.
- `found`: decode the records that both kinds of answer hold.
- `success_form`: recognise "all succeeded" by its bytes.
- `interpret`: turn an answer, or its absence, into a reply or a fault.
- `faults`: classify status codes and exceptions.
- `monitoring`: signal the start and the end of a job to a monitoring service.
- `auth`: authorization headers and the sources of tokens.
- `transport`: carry requests over sockets, by httpx or to an application in this process.
"""
