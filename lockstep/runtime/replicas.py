"""Put arrays on each replica's device, and divide batches between replicas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def put_on_replicas(
    strategy: tf.distribute.Strategy, arrays: Callable[[int], tuple[np.ndarray, ...]]
) -> Any:
    """Put the arrays for each replica's number on its device, as per-replica values."""
    devices = strategy.extended.worker_devices

    def of(context: tf.distribute.experimental.ValueContext) -> tuple[tf.Tensor, ...]:
        replica = context.replica_id_in_sync_group
        # With several workers, `devices` are only this worker's.
        with tf.device(devices[replica % len(devices)]):
            return tuple(tf.identity(array) for array in arrays(replica))

    return strategy.experimental_distribute_values_from_function(of)


def share_of_replica(
    strategy: tf.distribute.Strategy, rows: np.ndarray, replica: int
) -> np.ndarray:
    """Return a replica's slice of each batch, (batches, size); sizes differ only in evaluation."""
    replicas = strategy.num_replicas_in_sync
    first, last = (rows.shape[1] * (replica + each) // replicas for each in (0, 1))
    return rows[:, first:last]
