"""ipyparallel's client for python_bench.ts: reads one question in JSON a line, does it, checks every result, answers in one line."""

import json
import sys
import time

import ipyparallel as ipp

ENGINES = 2
PATIENCE = 60


def increment(n):
    return n + 1


def check(found, expected):
    if found != expected:
        raise SystemExit(f"Cannot trust the cluster: {found!r} came back in place of {expected!r}")


def rate(view, count):
    """Seconds from the first apply to the last result."""
    began = time.perf_counter()
    results = [view.apply_async(increment, i) for i in range(count)]
    for i, result in enumerate(results):
        check(result.get(PATIENCE), i + 1)
    return time.perf_counter() - began


def latencies(view, count):
    """Microseconds of single round trips."""
    times = []
    for i in range(count):
        began = time.perf_counter()
        result = view.apply_async(increment, i).get(PATIENCE)
        times.append((time.perf_counter() - began) * 1e6)
        check(result, i + 1)
    return times


def main():
    client = ipp.Client(sys.argv[1], timeout=PATIENCE)
    client.wait_for_engines(ENGINES, timeout=PATIENCE)
    view = client.load_balanced_view()
    work = {"rate": rate, "latencies": latencies}
    for line in sys.stdin:
        name, count = json.loads(line)
        print(json.dumps(work[name](view, count)))
        # As a session that goes on would have it: results that were taken are forgotten.
        client.purge_local_results("all")


main()
