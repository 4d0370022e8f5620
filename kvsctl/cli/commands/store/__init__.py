"""Commands for backups and whole stores: `verify`."""
