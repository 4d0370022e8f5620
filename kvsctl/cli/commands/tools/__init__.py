"""Commands beside the records: `ping`, `serve`, `journal` and `bridge`."""
