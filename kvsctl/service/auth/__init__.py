"""Authorization headers and the sources of tokens.

- `credentials`: tokens, their sources, and when they are renewed.
- `token_output`: read a token from a file or a command, with bounds on size and time.
"""
