"""Benchmarks: what was measured, how, and the records of it in ``results/``."""
