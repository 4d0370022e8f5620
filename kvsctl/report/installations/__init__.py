"""What is shown of several installations.

- `listed`: what `kvsctl installations` prints.
- `ends`: how the work on each ended.
- `source`: how reading went of the store that all are compared with.
- `table`: a line for each, for people.
"""
