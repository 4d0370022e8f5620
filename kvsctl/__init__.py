"""Bulk client for Atlassian Forge key-value stores, with an emulator of the service."""

__version__ = "0.1.0"
