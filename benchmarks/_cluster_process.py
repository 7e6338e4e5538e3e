"""One process of a training that `benchmarks.scale` times: alone, or a worker of TF_CONFIG.

    python -m benchmarks._cluster_process '{"cores": [0], "replicas": 1, "work": {"mlp": 50}, ...}'

Trains random images of MNIST's shape, sums arrays over all replicas, and prints as JSON the moments
of its start, by the clock that all processes share, and the seconds of each repeat.
"""

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

    from lockstep.runtime.collectives import WorkerCollectives

PATIENCE_SECONDS = 120
BYTES = 4  # of a float32


def main() -> None:
    """Form the cluster, train, sum, and print what was measured."""
    given = json.loads(sys.argv[1])
    os.sched_setaffinity(0, given["cores"])  # before TensorFlow counts them
    from benchmarks import _measure
    from lockstep.process.environment import prepare_environment
    from lockstep.runtime.tensorflow_import import load_tensorflow

    prepare_environment(_measure.REPOSITORY)
    load_tensorflow()
    from benchmarks import loops

    imported = time.monotonic()
    collectives = joined(given["replicas"])
    formed = time.monotonic()
    found: dict[str, Any] = {"imported": imported, "formed": formed, "epochs": {}}
    for name, batch_size in given["work"].items():
        loop = loops.lockstep_on(collectives.strategy, name, batch_size, collectives=collectives)
        found["epochs"][name] = trained(loop, batch_size, given, found)
    if collectives.strategy.num_replicas_in_sync > 1:
        found["sums"] = {
            size: sums(collectives.strategy, size, given["repeats"]) for size in given["megabytes"]
        }
    collectives.barrier()  # none ends before the others have measured
    print(json.dumps(found))


def joined(replicas: int) -> "WorkerCollectives":
    """Wait for the other workers as the train stage does, and return what they share."""
    from lockstep.runtime.cluster import read_cluster
    from lockstep.runtime.collectives import WorkerCollectives
    from lockstep.runtime.rendezvous import wait_for_workers
    from lockstep.runtime.strategy import start_runtime

    cluster = read_cluster()
    wait_for_workers(cluster, PATIENCE_SECONDS)
    collectives = WorkerCollectives(start_runtime(0, replicas, workers=cluster.size), cluster)
    collectives.barrier()  # the first one connects the workers
    return collectives


def trained(
    loop: Any, batch_size: int, given: dict[str, Any], found: dict[str, Any]
) -> list[float]:
    """Return the seconds of each timed epoch; note the moment of the process's first step."""
    import numpy as np

    from benchmarks import images

    data = images.random_pixels(given["examples"], 0)
    loop.fit(data.at(np.arange(batch_size)), None, [], epochs=1)
    found.setdefault("stepped", time.monotonic())
    return timed(lambda: loop.fit(data, None, [], epochs=1), given["repeats"])


def sums(strategy: "tf.distribute.Strategy", megabytes: float, repeats: int) -> list[float]:
    """Return the seconds of an all-reduce of float32 gradients, each the mean of a few in a row."""
    import tensorflow as tf

    count = max(2, int(20 / megabytes))
    gradients = tf.zeros([int(megabytes * 1e6) // BYTES])

    def mean() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        reduced = context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.identity(gradients))
        return reduced[0]

    @tf.function
    def several() -> tf.Tensor:
        last = tf.constant(0.0)
        for _ in tf.range(count):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            last = strategy.experimental_local_results(strategy.run(mean))[0]
        return last

    return [each / count for each in timed(lambda: several().numpy(), repeats)]


def timed(action: Any, repeats: int) -> list[float]:
    """Return the seconds of each repeat, after an untimed one that traces."""
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


if __name__ == "__main__":
    main()
