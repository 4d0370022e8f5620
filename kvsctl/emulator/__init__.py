"""The service, small: an ASGI application on SQLite."""
