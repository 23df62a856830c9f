"""
The demo: one night and one restore on this machine, from the timer to the comparison; or a lost region.

It starts real processes (an Azurite for each region and a front before them, the simulator, two devhosts, the
relay), plays an operator, and judges the end with its own eyes. It imports nothing of the app: what it knows
comes over HTTP and from storage.
"""
