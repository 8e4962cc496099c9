"""Reference against estimate: metrics, kinds of errors, tables, pictures."""
