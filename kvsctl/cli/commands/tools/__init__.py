"""Commands beside the records: serve, journal."""
