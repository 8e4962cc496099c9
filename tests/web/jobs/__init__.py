"""Recordings transcribed by the page's server, and what cuts that short."""
