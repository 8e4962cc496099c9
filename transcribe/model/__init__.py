"""The two networks, and the one call that everything around them uses."""
