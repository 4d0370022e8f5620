"""The hash `blake2b`, without loading OpenSSL."""

try:
    # What hashlib takes it from. hashlib itself loads OpenSSL: that takes 5 MB of memory, and it
    # prints a traceback if there is no memory for it.
    from _blake2 import blake2b
except ImportError:  # the module is private to CPython
    from hashlib import blake2b

__all__ = ["blake2b"]
