"""The systems that are measured, each in an environment and a process of its own."""
