"""What carries requests to a target and brings answers back.

- `carrier`: the interface, its limits and its errors.
- `choose`: pick a carrier; resolve proxy, certificates and timeouts once.
- `direct`: HTTP/1.1 on the event loop, parsed by httptools.
- `connection`, `connect`: one connection, and how it is opened.
- `httpx_carrier`: httpx, where httptools has no wheel.
- `in_process`: an ASGI application in this process.
- `urls`: which URLs are accepted, and which name this machine.
"""
