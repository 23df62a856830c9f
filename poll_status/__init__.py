"""Following a Location URL to its end with durable timers; called by name from the other folders."""
