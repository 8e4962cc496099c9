"""What runs in a system's own environment: one small adapter each, behind one protocol.

These files are run as scripts by the Python of the system's environment, and import
nothing of this project but `ours`, which imports what it measures.
"""
