"""What is shown of several installations.

- `listed`: what `kvsctl installations` prints.
- `ends`: how the work on each ended.
- `table`: a line for each, for people.
"""
