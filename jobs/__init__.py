"""When it happens: the broker as doorbell, the workers, the relay and the clock."""
