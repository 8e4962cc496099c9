"""The recordings that figures are made on: declared, fetched, rendered, damaged."""
