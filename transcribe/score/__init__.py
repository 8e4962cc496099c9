"""Performance to sheet music: what was played as bars, beats, hands, voices and written notes."""
