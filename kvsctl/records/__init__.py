"""Bytes in, records and problems out."""
