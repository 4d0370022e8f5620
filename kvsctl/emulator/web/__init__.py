"""The emulator as an ASGI application and as a server.

- `app`: routing, and one request from its bytes to its answer.
- `routes`: which operation answers which path.
- `guard`: hosts, origins, tokens and body sizes, checked before a request is served.
- `serve`: run the application under uvicorn.
- `admin`: `/_emulator/`: reset, snapshot, restore, stats, clock.
- `openapi`: the OpenAPI document.
"""
