"""Where recordings and outputs lie: folders and buckets behind one interface."""
