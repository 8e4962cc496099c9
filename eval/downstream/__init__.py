"""What generators and corpora make of transcriptions."""
