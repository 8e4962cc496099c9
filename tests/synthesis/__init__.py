"""Performances played on sampled instruments."""
