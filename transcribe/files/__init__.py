"""Files as a whole: their names and endings, addresses, JSON from outside."""
