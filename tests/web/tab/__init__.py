"""The site, which transcribes without a server: in real browsers, and its engine alone."""
