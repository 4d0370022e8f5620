"""Commands beside the records: `ping`, `probe`, `serve`, `journal` and `bridge`."""
