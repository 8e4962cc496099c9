"""What every measurement shares: records, options, statistics."""
