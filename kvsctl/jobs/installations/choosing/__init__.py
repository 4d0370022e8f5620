"""Which installations a job works on.

- `proxy_list`: list an app's installations through the proxy of its container.
- `choice`: named ones, or all that a proxy lists.
- `printing`: print them.
"""
