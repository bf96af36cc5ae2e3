"""A cluster of dask on this machine: worker processes of one thread each, which tests may kill."""

import contextlib
import os
import signal
import time


@contextlib.contextmanager
def start_workers(n=2):
    """Start workers, and yield a client of their scheduler."""
    import dask
    from distributed import Client, LocalCluster

    quiet = {"distributed.admin.low-level-log-length": 0, "distributed.comm.timeouts.connect": "60s"}
    options = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with dask.config.set(quiet), LocalCluster(**options) as cluster, Client(cluster) as client:
        client.wait_for_workers(n)
        yield client


def list_processes(client):
    """Return the process of each worker."""
    return sorted(client.run(os.getpid).values())


def kill_one(client):
    """Kill a worker with SIGKILL, and return its process."""
    process = list_processes(client)[0]
    os.kill(process, signal.SIGKILL)
    return process


def wait_until(ask, seconds=120):
    """Wait until a function returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return answer
