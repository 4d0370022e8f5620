"""Jobs that work on several installations of an app.

- `proxy_list`: list an app's installations through the proxy of its container.
- `choice`: which installations a job works on.
- `printing`: print them.
"""
