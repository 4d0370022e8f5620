"""Commands beside the records: `serve`, `journal` and `bridge`."""
