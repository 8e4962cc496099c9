"""How fast, how large, how robust."""
