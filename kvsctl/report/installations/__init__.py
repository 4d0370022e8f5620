"""What is shown of several installations.

- `listed`: what `kvsctl installations` prints.
"""
