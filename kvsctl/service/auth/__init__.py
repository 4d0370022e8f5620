"""Authorization headers and the sources of tokens.

- `credentials`: tokens, their sources, and when they are renewed.
- `lifetime`: when a token ends, and when to ask for the next one.
- `token_output`: read a token from a file or a command, with bounds on size and time.
"""
