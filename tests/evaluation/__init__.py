"""Transcriptions held against references."""
