"""What the workers of one training tell each other, beside gradients: bytes, by collectives."""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from lockstep.errors import DataError
from lockstep.runtime.cluster import Cluster
from lockstep.runtime.replicas import put_on_replicas

WORD, HEADER, SHA256 = 4, 256, 64  # bytes


class Together:
    """The workers under one strategy; alone it is all said already."""

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster) -> None:
        self.strategy = strategy
        self.size, self.index, self.chief = cluster.size, cluster.index, cluster.chief
        self._sum = tf.function(self._sum_of, reduce_retracing=True)

    def agree(self, array: np.ndarray) -> np.ndarray:
        """Return the chief's array; all have one of the same shape and dtype."""
        return array if self.size == 1 else self.collect(array[None])[0]

    def collect(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all workers, one after the other along the first axis."""
        if self.size == 1:
            return array
        data = np.frombuffer(array.tobytes(), np.uint8)
        mine = np.zeros((self.size, len(data) + -len(data) % WORD), np.uint8)
        mine[self.index, : len(data)] = data
        # As whole numbers: each place is zero but for one worker, so a sum keeps every bit.
        words = self._sum(self._on_the_first(mine.view(np.int32).reshape(-1)))
        found = words.numpy().view(np.uint8).reshape(mine.shape)[:, : len(data)]
        shape = (self.size * array.shape[0], *array.shape[1:])
        return np.frombuffer(found.tobytes(), array.dtype).reshape(shape)

    def tell(self, array: np.ndarray | None) -> np.ndarray:
        """Return the chief's array, which only the chief has."""
        if self.size == 1:
            assert array is not None  # noqa: S101  # alone it is its own chief
            return array
        about = {} if array is None else {"shape": array.shape, "dtype": array.dtype.str}
        text = self.agree(np.frombuffer(json.dumps(about).encode().ljust(HEADER), np.uint8))
        about = json.loads(text.tobytes())
        empty = np.zeros(about["shape"], about["dtype"])
        return self.agree(empty if array is None else array)

    def demand_same(self, hashes: dict[str, str]) -> None:
        """Raise DataError if another worker has other hashes than the chief."""
        text = "".join(hashes.values()).encode()
        all_of_them = self.collect(np.frombuffer(text, np.uint8)[None])
        for worker, theirs in enumerate(all_of_them):
            pairs = zip(hashes, _split(theirs), _split(all_of_them[0]), strict=True)
            others = [name for name, mine, chiefs in pairs if mine != chiefs]
            if others:
                raise DataError(
                    f"worker {worker} has other {' and '.join(others)} than the chief: "
                    "give all of them the same commit, params.yaml, data/ready and weights"
                )

    def wait(self) -> None:
        """Return when all workers are here."""
        self.collect(np.zeros((1, 1), np.int32))

    def _on_the_first(self, words: np.ndarray) -> Any:
        """The words on this worker's first replica, and zeros on its others."""
        local, none = len(self.strategy.extended.worker_devices), np.zeros_like(words)
        put = put_on_replicas(self.strategy, lambda replica: (none if replica % local else words,))
        return put[0]

    def _sum_of(self, words: Any) -> tf.Tensor:
        def on_replica(mine: tf.Tensor) -> tf.Tensor:
            here = tf.identity(mine)  # an argument is on no device yet, and collectives need one
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)

        summed = self.strategy.run(on_replica, args=(words,))
        return self.strategy.experimental_local_results(summed)[0]


def _split(hashes: np.ndarray) -> list[bytes]:
    """One sha256 after the other, in hex."""
    text = hashes.tobytes()
    return [text[at : at + SHA256] for at in range(0, len(text), SHA256)]
