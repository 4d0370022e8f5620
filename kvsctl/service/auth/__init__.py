"""Authorization headers and the sources of tokens.

- `credentials`: tokens, where they come from, and when they are renewed.
- `token_output`: read a bounded token from a file or a command.
"""
