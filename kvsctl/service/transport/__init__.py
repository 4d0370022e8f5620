"""Carry requests to a target and bring the answers back.

- `carrier`: the interface, its limits and its errors.
- `choose`: choose a carrier; resolve proxy and certificates once.
- `proxies`: the proxy that the environment sets for a URL.
- `certificates`: the certificates to trust, and the error for one that is not trusted.
- `direct`: HTTP/1.1 on the event loop, parsed by httptools.
- `connection`, `connect`: one connection, and how it is opened.
- `shared`: carriers to one URL that share connections; `turns`: how many requests each may send.
- `httpx_carrier`: httpx, where httptools has no wheel.
- `in_process`: an ASGI application in this process; `deadlines`: bound the time of its answers.
- `answer_memory`: bound the memory of unfinished answers over all connections.
- `encoding`: decompress an answer that is compressed although the request did not ask for that.
- `urls`: parse URLs, refuse unsafe ones, recognise this machine.
"""
