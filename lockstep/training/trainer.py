"""A training as the parameters describe it: the model on its replicas, and the loop over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lockstep.config.schema import OWN, Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import UnavailableError
from lockstep.modeling import preprocessing
from lockstep.modeling.compile import compile_for_training, one_hot_classes
from lockstep.modeling.model import make_model_with
from lockstep.runtime import devices
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.collectives import Together
from lockstep.runtime.rendezvous import meet
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout
from lockstep.training import augmentation, class_weights, fingerprint, warm_start, xla
from lockstep.training.callbacks import files_of
from lockstep.training.loop import Loop
from lockstep.training.resume import Resume
from lockstep.training.sources import Resident, Stream, choose_source
from lockstep.training.steps import Steps


class Training:
    """One training, on this process's replicas: the chief's and each other worker's alike.

    Raises MachineError for more replicas than devices, UnavailableError for a cluster that doesn't
    form in time, DataError for a worker with other inputs.
    """

    def __init__(self, params: Params, root: Path) -> None:
        self.params, self.root = params, root
        self.replicas, self.cluster = devices.replicas(params), read_cluster()
        identity = fingerprint.of(params, root, self.replicas)
        self.key = fingerprint.key(identity)
        asked = params.train
        meet(self.cluster, asked.cluster_seconds)
        self.strategy = start_runtime(
            params.seed,
            self.replicas,
            precision=asked.precision,
            memory_growth=asked.memory_growth,
            workers=self.cluster.size,
        )
        self.together = Together(self.strategy, self.cluster)
        self.together.demand_same(identity)
        self.spec, self.train = read_spec(root), load_examples(root, "train")
        there = "validation" in self.spec.splits
        self.validation = load_examples(root, "validation") if there else None

    def loop(self) -> Loop:
        """Return the loop over the model with its first weights."""
        asked, kind = self.params.train, devices.kind()
        steps = self._steps(kind)
        flops = atomic_files.read_json(self.root / layout.MODEL_SIZE)["flops"]
        by_rule = xla.steps_per_call(flops, asked.batch_size, kind)
        return Loop(
            steps,
            asked.batch_size,
            self.params.seed,
            order=asked.order,
            steps_per_call=by_rule if asked.steps_per_call == "auto" else asked.steps_per_call,
            source=self._source(kind),
            together=self.together,
            moves_weights=any(_moves_weights(each.name) for each in asked.callbacks),
        )

    def resume(
        self, loop: Loop, callbacks: list[keras.callbacks.Callback], folder: Path | None
    ) -> Resume:
        """Return what keeps bundles in a folder; only the chief has one, and callbacks."""
        return Resume(
            loop.steps,
            self.together,
            callbacks,
            folder=folder,
            key=self.key,
            seconds=self.params.train.bundle_seconds,
            files=files_of(callbacks),
        )

    def run(self, loop: Loop, callbacks: list[keras.callbacks.Callback], resume: Resume) -> None:
        """Train to the end; raises UnavailableError when a worker is lost on the way."""
        asked = self.params.train
        with _told_of_lost_workers(self.cluster.size):
            loop.fit(
                self.train,
                self.validation,
                callbacks,
                epochs=asked.epochs,
                steps=asked.steps,
                resume=resume,
            )
            self.together.wait()

    def _source(self, kind: str) -> type[Resident] | type[Stream]:
        """Where examples lie; the chief's choice, since memories differ and calls may not."""
        splits = [self.train, self.validation] if self.validation else [self.train]
        sizes = [array.nbytes for split in splits for array in split.arrays]
        local = self.replicas // self.cluster.size
        mine = choose_source(self.params.train.residency, sizes, local, kind)
        return Stream if self.together.agree(np.array(mine is Stream)) else Resident

    def _steps(self, kind: str) -> Steps:
        """The model on the replicas, with its first weights, compiled, and what is around it."""
        params, asked, root = self.params, self.params.train, self.root
        with self.strategy.scope():
            model = make_model_with(params, self.spec, root / layout.INITIAL_WEIGHTS)
            if asked.warm_start:
                warm_start.load(model, asked.warm_start, root)
            warm_start.freeze(model, asked.freeze)
            compile_for_training(model, params, self.spec, self.replicas, root)
            preprocess = preprocessing.layers(self.spec)
            augment = augmentation.layers(params, self.spec, root)
        augmented = augment is not None
        by_rule = xla.jit_compile(model, self.replicas, kind, augmented=augmented)
        return Steps(
            model,
            self.strategy,
            preprocess,
            augment=augment,
            class_weights=class_weights.of(asked.class_weights, self.spec, self.train.y),
            one_hot=one_hot_classes(params, self.spec),
            jit_compile=by_rule if asked.jit_compile == "auto" else asked.jit_compile,
        )


def _moves_weights(callback: str) -> bool:
    """Say whether a callback may change weights; of the user's own nobody knows."""
    return callback == "SwapEMAWeights" or callback.startswith(OWN)


@contextmanager
def _told_of_lost_workers(workers: int) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        if workers == 1:
            raise
        reason = str(error.message).strip().rpartition("\n")[2].strip()[:200]
        raise UnavailableError(
            f"a worker of {workers} was lost ({type(error).__name__}: {reason}); start all of them "
            "again, and training goes on from its last bundle"
        ) from None
