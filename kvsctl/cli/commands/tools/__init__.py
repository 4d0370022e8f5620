"""Commands beside the records: `serve` and `journal`."""
