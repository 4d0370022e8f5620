"""The image of `packages/container/`, and `examples/containers/` that starts it."""
