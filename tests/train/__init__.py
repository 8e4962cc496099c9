"""Training, from pieces to weights."""
