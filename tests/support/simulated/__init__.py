"""Stand-ins for what is slow or outside: services, time, threads.

- `model_service`: a service as a dictionary, with scripted or seeded faults.
- `quota_service`: a service with latency and a quota.
- `simulation`: whole runs against it.
- `virtual_time`: a loop whose clock jumps, and a feed for it.
- `inline`: an executor without threads.
"""
