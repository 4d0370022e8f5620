"""The engine: records in, outcomes out. It knows no terminal."""
