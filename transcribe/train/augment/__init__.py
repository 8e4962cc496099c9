"""What training does to music and sound before the network hears it."""
