"""The command as a user types it; the network is a stand-in that hears plain tones."""
