"""The page in a real Chromium, with the packaged weights, as a pianist would use it."""
