"""What a run tells people and programs: the only importer of rich."""
