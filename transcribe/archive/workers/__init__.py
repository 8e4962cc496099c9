"""Workers that transcribe side by side: processes of this machine, or actors on a Ray cluster."""
