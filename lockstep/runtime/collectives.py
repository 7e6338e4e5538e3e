"""Broadcast and all-gather NumPy arrays between the workers of a cluster."""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from lockstep.errors import DataError
from lockstep.runtime.cluster import Cluster
from lockstep.runtime.replicas import put_on_replicas

WORD, HEADER, SHA256 = 4, 256, 64  # bytes


class WorkerCollectives:
    """Broadcast, all-gather and barrier between workers; no-ops with one worker."""

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster) -> None:
        self.strategy = strategy
        self.size, self.index, self.chief = cluster.size, cluster.index, cluster.chief
        self._sum = tf.function(self._sum_of, reduce_retracing=True)

    def broadcast(self, array: np.ndarray) -> np.ndarray:
        """Return the chief's array; each worker passes one of the same shape and dtype."""
        return array if self.size == 1 else self.all_gather(array[None])[0]

    def all_gather(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all workers, concatenated along the first axis."""
        if self.size == 1:
            return array
        data = np.frombuffer(array.tobytes(), np.uint8)
        mine = np.zeros((self.size, len(data) + -len(data) % WORD), np.uint8)
        mine[self.index, : len(data)] = data
        # Only one worker has nonzero values at a position, so a sum of integers keeps every bit.
        words = self._sum(self._put_on_first_replica(mine.view(np.int32).reshape(-1)))
        found = words.numpy().view(np.uint8).reshape(mine.shape)[:, : len(data)]
        shape = (self.size * array.shape[0], *array.shape[1:])
        return np.frombuffer(found.tobytes(), array.dtype).reshape(shape)

    def broadcast_array(self, array: np.ndarray | None) -> np.ndarray:
        """Return the chief's array; the other workers pass None."""
        if self.size == 1:
            assert array is not None  # noqa: S101  # one worker is the chief
            return array
        header = {} if array is None else {"shape": array.shape, "dtype": array.dtype.str}
        text = self.broadcast(np.frombuffer(json.dumps(header).encode().ljust(HEADER), np.uint8))
        header = json.loads(text.tobytes())
        empty = np.zeros(header["shape"], header["dtype"])
        return self.broadcast(empty if array is None else array)

    def require_same(self, hashes: dict[str, str]) -> None:
        """Raise DataError if a worker's hashes, by name, differ from the chief's."""
        text = "".join(hashes.values()).encode()
        gathered = self.all_gather(np.frombuffer(text, np.uint8)[None])
        for worker, theirs in enumerate(gathered):
            pairs = zip(hashes, _split(theirs), _split(gathered[0]), strict=True)
            different = [name for name, mine, chiefs in pairs if mine != chiefs]
            if different:
                raise DataError(
                    f"worker {worker} has different {' and '.join(different)} than the chief: "
                    "give all workers the same commit, params.yaml, data/ready and weights"
                )

    def barrier(self) -> None:
        """Return when all workers have called it."""
        self.all_gather(np.zeros((1, 1), np.int32))

    def _put_on_first_replica(self, words: np.ndarray) -> Any:
        """Put the words on this worker's first replica, and zeros on its others."""
        local, none = len(self.strategy.extended.worker_devices), np.zeros_like(words)
        put = put_on_replicas(self.strategy, lambda replica: (none if replica % local else words,))
        return put[0]

    def _sum_of(self, words: Any) -> tf.Tensor:
        def on_replica(mine: tf.Tensor) -> tf.Tensor:
            here = tf.identity(mine)  # collectives need a tensor that is on a device
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)

        summed = self.strategy.run(on_replica, args=(words,))
        return self.strategy.experimental_local_results(summed)[0]


def _split(hashes: np.ndarray) -> list[bytes]:
    """Split concatenated hex sha256 digests."""
    text = hashes.tobytes()
    return [text[at : at + SHA256] for at in range(0, len(text), SHA256)]
