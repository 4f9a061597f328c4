"""What the intervals say without a model of their shape."""
