"""Planes of probabilities to notes and pedal presses."""
