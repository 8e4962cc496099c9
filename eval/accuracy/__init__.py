"""How right the notes are."""
