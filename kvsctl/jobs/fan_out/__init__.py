"""Carry out a job in parts, in other processes: on any executor.

- `unit`: one part, as a frozen description without a token, and how it ended.
- `worker`: carry out a unit, in the process that received it.
- `orders`: orders to stop or abort, which arrive while a unit is carried out.
- `crews`: the workers: processes of this machine; `dask_crew`: workers of a Dask cluster.
- `job`: all parts, as one request.
- `work`: give the units to a crew, one after the other.
- `installations`: the jobs of several installations.
- `progress`, `relay`: show how far the units are, in whichever process.
- `ending`: add up how the units ended, and report it.
"""
