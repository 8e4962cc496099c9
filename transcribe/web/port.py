"""The port that the page's server listens on if no other is asked for."""

DEFAULT_PORT = 8737
