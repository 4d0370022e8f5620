"""The thin HTTP layer: the only importer of httpx."""
