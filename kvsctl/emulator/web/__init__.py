"""The emulator as an ASGI application and as a server.

- `app`: routing, and one request from its bytes to its response.
- `routes`: which operation serves which path.
- `beside`: what is served beside the store: health, invocation contexts, OpenAPI, control.
- `bodies`: request bodies, whole or in parts.
- `guard`: the check of the `Host` and `Origin` headers, the access log, and lost connections.
- `connection`: malformed, half-closed and unfinished requests, before the application sees them.
- `serve`: run the application under uvicorn.
- `admin`: `/_emulator/`: reset, snapshot, restore, stats, clock, faults.
- `transfers`: `/_emulator/`: export and import of whole stores.
- `openapi`, `openapi_control`: the OpenAPI document, of the service and of what is beside it.
"""
