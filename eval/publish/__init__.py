"""Figures where people read them: pages, tables, pictures."""
