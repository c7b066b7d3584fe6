"""Jobs in Redis: a list of waiting ids, and one hash for each job."""

import json
import os
import uuid

import redis

WAITING = "tally:waiting"
KEEP_SECONDS = 3600


def connect():
    return redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://redis:6379/0"), decode_responses=True)


def submit(connection, text):
    """Stores the text and queues it; returns the job's id."""
    job = uuid.uuid4().hex[:12]
    connection.hset(f"tally:job:{job}", mapping={"state": "waiting", "text": text})
    connection.expire(f"tally:job:{job}", KEEP_SECONDS)
    connection.lpush(WAITING, job)
    return job


def look(connection, job):
    """What is known of a job, or None."""
    fields = connection.hgetall(f"tally:job:{job}")
    if not fields:
        return None
    answer = {"id": job, "state": fields["state"]}
    if "result" in fields:
        answer.update(json.loads(fields["result"]))
    return answer


def take(connection, seconds):
    """The next job's id and text, or None after so many seconds."""
    found = connection.brpop([WAITING], timeout=seconds)
    if found is None:
        return None
    job = found[1]
    return job, connection.hget(f"tally:job:{job}", "text") or ""


def finish(connection, job, result):
    connection.hset(f"tally:job:{job}", mapping={"state": "done", "result": json.dumps(result)})
