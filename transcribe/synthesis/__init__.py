"""Performance to audio: notes and pedal played on sampled instruments."""
