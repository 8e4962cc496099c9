"""Any recording to blocks of mono samples, and what is wrong with it."""
