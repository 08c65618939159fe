"""What it costs: measurements beside the plainest thing that could do the same."""
