"""Authorization headers and the sources of tokens.

- `credentials`: tokens, their sources, and when they are renewed.
- `lifetime`: when a token ends, and when to ask for the next one.
- `terminal_use`: lend the terminal to a token command, so that nothing is drawn on it meanwhile.
- `process_tree`: kill a token command with its children.
- `token_output`: read a token from a file or a command, with bounds on size and time.
"""
