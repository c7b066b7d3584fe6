"""The worker role: takes jobs from Redis until it is told to stop."""

import signal
import sys
import time

import redis

from . import queue
from .count import count


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    connection = queue.connect()
    print("worker: waiting for jobs", flush=True)
    while True:
        try:
            found = queue.take(connection, 5)
        except redis.ConnectionError as error:
            print(f"worker: {error}; trying again", file=sys.stderr, flush=True)
            time.sleep(1)
            continue
        if found is not None:
            job, text = found
            queue.finish(connection, job, count(text))
            print(f"worker: finished {job}", flush=True)


if __name__ == "__main__":
    main()
