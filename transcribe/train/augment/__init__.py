"""What training does to music and sound before the network gets it."""
