"""What musicians hear in a performance: beats, key, melody."""
