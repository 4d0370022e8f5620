"""A Dask cluster of worker processes on loopback, for as long as stdin is open.

It prints the address of its scheduler and the process ids of its workers as a line of JSON.
"""

import json
import os
import sys

from distributed import Client, LocalCluster


def main() -> None:
    """Run the cluster. The argument is how many workers it has."""
    with LocalCluster(
        n_workers=int(sys.argv[1]),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=60,
    ) as cluster:
        with Client(cluster, set_as_default=False) as client:
            pids = [*client.run(os.getpid).values()]
        sys.stdout.write(json.dumps({"address": cluster.scheduler_address, "pids": pids}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
