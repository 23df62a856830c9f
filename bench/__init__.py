"""
Measurements of simulated fleets on this machine; not tests, and no time in them is a promise.

`python -m bench fleet --services 10 100 300 1000` runs a whole night for each size: the real app on a virtual
host, its real client over https against the simulator, records and backups in memory, all of it in virtual
time. It counts calls, CPU seconds and memory, and says how each grows. What it measured stands in
docs/benchmarks.md.
"""
