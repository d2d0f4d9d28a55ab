"""One of the Python peers of bench:peers, two workers: one question in JSON a line, one answer a line. Every result is checked."""

import json
import sys
import tempfile
import time

import numpy

WORKERS = 2
PATIENCE = 120
BUFFER_BYTES = 64 << 20


def increment(n):
    return n + 1


def echo(text):
    return text


def wait(seconds):
    import time

    time.sleep(seconds)
    return seconds


class Ipyparallel:
    def __init__(self):
        import ipyparallel as ipp

        self.folder = tempfile.TemporaryDirectory()
        self.start = time.perf_counter()
        self.cluster = ipp.Cluster(n=WORKERS, profile_dir=self.folder.name, log_level=40)
        self.client = self.cluster.start_and_connect_sync()
        self.view = self.client.load_balanced_view()
        self.engine = self.client[self.client.ids[0]]

    def submit(self, function, items):
        results = [self.view.apply_async(function, item) for item in items]
        return [result.get(PATIENCE) for result in results]

    def map(self, function, items):
        return self.view.map_async(function, items, chunksize=1).get(PATIENCE)

    def push(self, data):
        self.engine.push({"data": data}, block=True)

    def pull(self):
        return self.engine.pull("data", block=True)

    def tidy(self):
        self.client.purge_local_results("all")

    def close(self):
        self.client.close()
        self.cluster.stop_cluster_sync()
        self.folder.cleanup()


class Dask:
    def __init__(self):
        from distributed import Client, LocalCluster

        self.start = time.perf_counter()
        self.cluster = LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        )
        self.client = Client(self.cluster)
        self.client.wait_for_workers(WORKERS)

    def submit(self, function, items):
        return self.client.gather([self.client.submit(function, item, pure=False) for item in items])

    def map(self, function, items):
        return self.client.gather(self.client.map(function, items, pure=False))

    def push(self, data):
        self.future = self.client.scatter(data, direct=True, hash=False)

    def pull(self):
        return self.client.gather(self.future, direct=True)

    def tidy(self):
        pass

    def close(self):
        self.client.close()
        self.cluster.close()


class Ray:
    def __init__(self):
        import ray

        self.ray = ray
        self.start = time.perf_counter()
        ray.init(num_cpus=WORKERS, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
                 logging_level="error")
        self.remote = {f: ray.remote(f) for f in (increment, echo, wait)}
        self.pool = None
        self.holder = None

    def submit(self, function, items):
        remote = self.remote[function]
        return self.ray.get([remote.remote(item) for item in items])

    # What its docs call its map: a pool of actors. They take no CPU of the two, so that the tasks of submit() have theirs still.
    def map(self, function, items):
        if self.pool is None:
            from ray.util.multiprocessing import Pool

            self.pool = Pool(processes=WORKERS, ray_remote_args={"num_cpus": 0})
        return self.pool.map(function, items, chunksize=1)

    def push(self, data):
        if self.holder is None:
            @self.ray.remote(num_cpus=0)
            class Holder:
                def set(self, data):
                    self.data = data

                def get(self):
                    return self.data

            self.holder = Holder.remote()
        self.ray.get(self.holder.set.remote(data))

    def pull(self):
        return self.ray.get(self.holder.get.remote())

    def tidy(self):
        pass

    def close(self):
        self.ray.shutdown()


def check(found, expected):
    if found != expected:
        raise SystemExit(f"Cannot trust the peer: {found!r:.80} came back in place of {expected!r:.80}")


def timed(run, function, items, expected):
    """Seconds from the first call to the last checked result."""
    began = time.perf_counter()
    results = run(function, items)
    check(len(results), len(expected))
    for found, wanted in zip(results, expected):
        check(found, wanted)
    return time.perf_counter() - began


def ends(value):
    return (len(value), value[:1], value[-1:])


def sized(peer, count, size):
    """Values of so many bytes there and back, each another one; seen at both ends, since all of it would be the check's time."""
    items = [bytes([i % 256]) * size for i in range(count)]
    began = time.perf_counter()
    results = peer.map(echo, items)
    check(len(results), count)
    for found, item in zip(results, items):
        check(ends(found), ends(item))
    return time.perf_counter() - began


def answer(peer, name, count, of=0):
    if name == "size":
        return sized(peer, count, of)
    if name == "duration":
        return timed(peer.map, wait, [of] * count, [of] * count)
    if name in ("submit", "map"):
        return timed(getattr(peer, name), increment, range(count), range(1, count + 1))
    if name == "kilobyte":
        texts = [f"{i:01000}" for i in range(count)]
        return timed(peer.map, echo, texts, texts)
    if name == "wait":
        return timed(peer.map, wait, [0.01] * count, [0.01] * count)
    if name == "trips":
        return [timed(peer.submit, increment, [i], [i + 1]) for i in range(count)]
    data = numpy.random.randint(0, 256, BUFFER_BYTES, numpy.uint8)
    began = time.perf_counter()
    peer.push(data)
    pushed = time.perf_counter()
    found = peer.pull()
    pulled = time.perf_counter()
    check(bool((found == data).all()), True)
    return [pushed - began, pulled - pushed]


def main():
    peer = {"ipyparallel": Ipyparallel, "dask": Dask, "ray": Ray}[sys.argv[1]]()
    check(peer.submit(increment, [41]), [42])
    print(json.dumps(time.perf_counter() - peer.start))
    try:
        for line in sys.stdin:
            print(json.dumps(answer(peer, *json.loads(line))))
            peer.tidy()
    finally:
        peer.close()


if __name__ == "__main__":
    main()
