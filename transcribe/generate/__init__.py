"""Music that goes on: a small network that continues a performance in its style."""
