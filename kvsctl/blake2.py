"""The hash `blake2b`, without loading OpenSSL."""

try:
    # hashlib imports it from here, but also loads OpenSSL: that takes 5 MB of memory, and prints a
    # traceback if there is not enough.
    from _blake2 import blake2b
except ImportError:  # the module is private to CPython
    from hashlib import blake2b

__all__ = ["blake2b"]
