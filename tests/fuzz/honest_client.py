"""ipyparallel's client for the fuzzer: works all the time, checks every result; prints a line now and then, ends when its input ends."""

import json
import logging
import os
import sys
import threading
import traceback

import ipyparallel as ipp

PATIENCE = 60

# 9.2's client complains of messages that it cannot read (rightly signed, but nested deeper than Python reads) in a log that it does not
# have, and the error takes the messages behind with it.
ipp.Client.log = logging.getLogger("ipyparallel")


def double(x):
    return 2 * x


def check(found, expected):
    if found != expected:
        raise SystemExit(f"{found!r} came back in place of {expected!r}")


def with_output(result):
    value = result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    return value


def shown(view, code):
    # A stranger's cell that fails takes the cells that wait behind it with it, whose ever they are: so it is with ipykernel.
    while True:
        try:
            return with_output(view.execute(code, silent=False, block=False))
        except ipp.error.TaskAborted:
            continue


def work(client, ours, theirs, n):
    view = client.load_balanced_view(targets=theirs)
    results = [view.apply_async(double, n + i) for i in range(10)]
    for i, result in enumerate(results):
        check(result.get(PATIENCE), 2 * (n + i))
    check(client[theirs].apply_async(double, n).get(PATIENCE), [2 * n] * len(theirs))
    said = client[theirs[0]].execute(f"print({n})", block=False)
    check(with_output(said).stdout, f"{n}\n")
    cell = shown(client[ours[0]], f"{n} + 1")
    check(cell.execute_result["data"]["text/plain"], str(n + 1))
    assert "unassigned" in client.queue_status()


def main():
    path, *ours = sys.argv[1:]
    ours = [int(i) for i in ours]
    client = ipp.Client(path, timeout=PATIENCE)
    client.wait_for_engines(len(ours) + 2, timeout=PATIENCE)
    theirs = [i for i in client.ids if i not in ours]
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    rounds = 0
    while not stop.is_set():
        work(client, ours, theirs, rounds)
        rounds += 1
        client.purge_local_results("all")
        print(json.dumps(rounds))
    print(json.dumps({"rounds": rounds}))


try:
    main()
except BaseException:
    traceback.print_exc()
    os._exit(1)  # the client's threads would go on
