"""The image of `packaging/container/`, and `examples/containers/` that starts it."""
