"""Training: Lightning, Hydra, what music is drawn from and how it is varied."""
