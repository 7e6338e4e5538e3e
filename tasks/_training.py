"""A training as the parameters describe it: the model on its replicas, and the loop over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from errors import UnavailableError
from params import OWN, Params
from tasks import (
    _acceleration,
    _augmentation,
    _class_weights,
    _cluster,
    _devices,
    _files,
    _identity,
    _model,
    _objective,
    _preprocessing,
    _runtime,
    _sources,
    _spec,
    _warm_start,
)
from tasks._loop import Loop
from tasks._resume import Resume
from tasks._sources import Resident, Stream
from tasks._steps import Steps
from tasks._together import Together


class Training:
    """One training, on this process's replicas: the chief's and each other worker's alike.

    Raises MachineError for more replicas than devices, UnavailableError for a cluster that doesn't
    form in time, DataError for a worker with other inputs.
    """

    def __init__(self, params: Params, root: Path) -> None:
        self.params, self.root = params, root
        self.replicas, self.cluster = _devices.replicas(params), _cluster.read()
        identity = _identity.of(params, root, self.replicas)
        self.key = _identity.key(identity)
        asked = params.train
        _cluster.meet(self.cluster, asked.cluster_seconds)
        self.strategy = _runtime.start(
            params.seed,
            self.replicas,
            precision=asked.precision,
            memory_growth=asked.memory_growth,
            workers=self.cluster.size,
        )
        self.together = Together(self.strategy, self.cluster)
        self.together.demand_same(identity)
        self.spec, self.train = _spec.read(root), _spec.examples(root, "train")
        there = "validation" in self.spec.splits
        self.validation = _spec.examples(root, "validation") if there else None

    def loop(self) -> Loop:
        """Return the loop over the model with its first weights."""
        asked, kind = self.params.train, _devices.kind()
        steps = self._steps(kind)
        flops = _files.read_json(self.root / "report" / "model.json")["flops"]
        by_rule = _acceleration.steps_per_call(flops, asked.batch_size, kind)
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
        self,
        loop: Loop,
        callbacks: list[keras.callbacks.Callback],
        folder: Path | None,
        files: dict[str, Path],
    ) -> Resume:
        """Return what keeps bundles in a folder; only the chief has one, callbacks, and files."""
        return Resume(
            loop.steps,
            self.together,
            callbacks,
            folder=folder,
            key=self.key,
            seconds=self.params.train.bundle_seconds,
            files=files,
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
        mine = _sources.choose(self.params.train.residency, sizes, local, kind)
        return Stream if self.together.agree(np.array(mine is Stream)) else Resident

    def _steps(self, kind: str) -> Steps:
        """The model on the replicas, with its first weights, compiled, and what is around it."""
        params, asked, root = self.params, self.params.train, self.root
        with self.strategy.scope():
            model = _model.make_with(params, self.spec, root / "weights" / "initial.weights.h5")
            if asked.warm_start:
                _warm_start.load(model, asked.warm_start, root)
            _warm_start.freeze(model, asked.freeze)
            _objective.compile_for_training(model, params, self.spec, self.replicas)
            preprocess = _preprocessing.layers(self.spec)
            augment = _augmentation.layers(params, self.spec)
        augmented = augment is not None
        by_rule = _acceleration.jit_compile(model, self.replicas, kind, augmented=augmented)
        return Steps(
            model,
            self.strategy,
            preprocess,
            augment=augment,
            class_weights=_class_weights.of(asked.class_weights, self.spec, self.train.y),
            one_hot=_objective.one_hot(params, self.spec),
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
