"""Set up a training from the parameters: strategy, data, model and loop."""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from lockstep.config.phases import epochs_of, phases_of
from lockstep.config.schema import CUSTOM, Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.evaluation.monitors import check_monitors, monitors, validation_split
from lockstep.modeling import preprocessing
from lockstep.modeling.compile import compile_for_training
from lockstep.modeling.model import make_model_with
from lockstep.modeling.model_file import as_asked
from lockstep.process import console
from lockstep.runtime import devices
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.collectives import WorkerCollectives
from lockstep.runtime.rendezvous import wait_for_workers
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout
from lockstep.training import (
    augmentation,
    class_weight,
    earlier,
    fingerprint,
    gpu_checks,
    warm_start,
    xla,
)
from lockstep.training.callbacks import callback_files, step_losses_to
from lockstep.training.loop import Loop
from lockstep.training.order import steps_per_epoch
from lockstep.training.resume import LastSnapshot, Phase, Resume
from lockstep.training.sources import DeviceSource, DiskSource, choose_source, stored_bytes
from lockstep.training.steps import Steps
from lockstep.training.tensorflow_errors import (
    MemoryUse,
    explain_lost_worker,
    explain_nondeterminism,
    explain_out_of_memory,
)


class Training:
    """One training on this process's replicas, whether it is the chief or another worker.

    Raises MachineError for more replicas than devices, UnavailableError if the workers don't
    connect in time, DataError for a worker whose parameters, data, code or environment differ.
    """

    def __init__(self, params: Params, root: Path) -> None:
        self.params, self.root = params, root
        self.replicas, self.cluster = devices.replicas(params), read_cluster()
        identity = fingerprint.of(params, root, self.replicas)
        self.key = fingerprint.key(identity)
        self.key_of_more_epochs = fingerprint.key_of_more_epochs(
            params, root, identity, self.replicas
        )
        train_config = params.train
        wait_for_workers(self.cluster, train_config.cluster_timeout_seconds)
        self.strategy = start_runtime(
            params.seed,
            self.replicas,
            precision=train_config.precision,
            deterministic=train_config.deterministic,
            memory_growth=train_config.memory_growth,
            workers=self.cluster.size,
        )
        self.collectives = WorkerCollectives(self.strategy, self.cluster)
        self.collectives.require_same(identity)
        self.spec, self.train = as_asked(params, read_spec(root)), load_examples(root, "train")
        split = validation_split(params, self.spec.splits)
        self.validation = load_examples(root, split) if split else None
        if split == "test":
            console.say("validation: the test split, by train.validation; its metrics are no test")

    def loop(self, phase: Params | None = None) -> Loop:
        """Return the loop of a phase; the model, which all phases train, has its initial weights.

        `phase` are the parameters of one of `phases_of`, by default of the first.
        """
        phase = phase or phases_of(self.params)[0]
        train_config, kind = phase.train, devices.kind()
        steps = self._steps(phase, kind)
        steps.build(self.train)
        flops = atomic_files.read_json(self.root / layout.MODEL_SIZE)["flops"]
        auto = xla.steps_per_execution(flops, train_config.batch_size, kind)
        return Loop(
            steps,
            train_config.batch_size,
            self.params.seed,
            order=train_config.order,
            last_batch=train_config.last_batch,
            steps_per_execution=auto
            if train_config.steps_per_execution == "auto"
            else train_config.steps_per_execution,
            source=self._source(kind, steps.bytes),
            collectives=self.collectives,
            sync_weights=any(_may_change_weights(each.name) for each in train_config.callbacks),
            check_graph=self._check_graph(steps.model) if kind == "GPU" else None,
            check_logs=self._check_logs if any(monitors(self.params)) else None,
        )

    def take_over_earlier(self, folder: Path | None) -> None:
        """Put the epochs of an earlier training into the folder for snapshots, if it had fewer."""
        earlier.take_over(self.root, self.params, folder, self.key, self.key_of_more_epochs)

    def resume(
        self, loop: Loop, callbacks: list[keras.callbacks.Callback], folder: Path | None
    ) -> Resume:
        """Return what saves and restores snapshots; only the chief has a folder and callbacks."""
        last = LastSnapshot(self.root / layout.LAST_SNAPSHOT, self.key_of_more_epochs)
        return Resume(
            loop.steps,
            self.collectives,
            callbacks,
            folder=folder,
            key=self.key,
            seconds=self.params.train.snapshot_seconds,
            files=callback_files(callbacks),
            last=last if self.cluster.chief else None,
        )

    def run(self, loop: Loop, callbacks: list[keras.callbacks.Callback], resume: Resume) -> None:
        """Train all phases to the end; raises UnavailableError if a worker is lost.

        `loop` is the first phase's.
        """
        phases, begin = phases_of(self.params), resume.first_phase()
        done = begin.began
        for number in range(begin.number, len(phases)):
            loop = self.loop(phases[number]) if number else loop
            resume.enter(Phase(number, done), loop.steps)
            final = number + 1 == len(phases)
            done = self._run(loop, phases[number], callbacks, resume, final=final)
        resume.ended()
        self.collectives.barrier()

    def _run(
        self,
        loop: Loop,
        phase: Params,
        callbacks: list[keras.callbacks.Callback],
        resume: Resume,
        *,
        final: bool,
    ) -> int:
        """Train one phase; return the number of finished epochs."""
        loop.on_losses = step_losses_to(callbacks)
        with (
            explain_lost_worker(self.cluster.size),
            explain_out_of_memory(self._memory_use(loop)),
            explain_nondeterminism(),
        ):
            return loop.fit(
                self.train,
                self.validation,
                callbacks,
                epochs=phase.train.epochs,
                steps=phase.train.steps,
                resume=resume,
                first=resume.phase.began,
                planned=epochs_of(self.params),
                final=final,
            )

    def _memory_use(self, loop: Loop) -> MemoryUse:
        placement = "device" if loop.source is DeviceSource else "disk"
        return MemoryUse(loop.batch_size, placement, self.replica_bytes, loop.steps.bytes)

    def _check_graph(self, model: keras.Model) -> Callable[[tf.Graph], None]:
        deterministic = self.params.train.deterministic
        return partial(gpu_checks.check, model=model, deterministic=deterministic)

    def _check_logs(self, names: list[str]) -> None:
        validation = self.validation is not None
        check_monitors(self.params, self.spec.targets, names, validation=validation)

    @property
    def replica_bytes(self) -> int:
        """Bytes of the data of one replica: its share where it always gets the same examples."""
        share = self.replicas if self.params.train.order == "sequential" else 1
        validation = stored_bytes([self.validation]) if self.validation else 0
        return stored_bytes([self.train]) // share + validation // self.replicas

    def _source(self, kind: str, model_bytes: int) -> type[DeviceSource] | type[DiskSource]:
        """Return the chief's choice: free memory differs, but the graph calls must be the same."""
        local_replicas = self.replicas // self.cluster.size
        local_choice = choose_source(
            self.params.train.data_placement, self.replica_bytes, local_replicas, kind, model_bytes
        )
        from_disk = self.collectives.broadcast(np.array(local_choice is DiskSource))
        return DiskSource if from_disk else DeviceSource

    @cached_property
    def model(self) -> keras.Model:
        """The model of all phases, with its initial weights."""
        params, root = self.params, self.root
        with self.strategy.scope():
            model = make_model_with(params, self.spec, root / layout.INITIAL_WEIGHTS)
            if params.train.warm_start:
                warm_start.load(model, params.train.warm_start, root)
        self._trainable = warm_start.trainable_layers(model)
        return model

    @cached_property
    def _augment(self) -> keras.Sequential | None:
        with self.strategy.scope():
            return augmentation.layers(self.params, self.spec, self.root)

    def _total_steps(self, phase: Params) -> int:
        config, count = phase.train, self.train.size
        of_epoch = steps_per_epoch(config.order, count, config.batch_size, config.last_batch)
        return config.steps or (config.epochs or 0) * of_epoch

    def _steps(self, phase: Params, kind: str) -> Steps:
        """Return the steps of the model, compiled for a phase, on the replicas."""
        train_config, model = phase.train, self.model
        with self.strategy.scope():
            warm_start.freeze(model, train_config.freeze, self._trainable)
            steps = self._total_steps(phase)
            compile_for_training(
                model, phase, self.spec, self.replicas, self.root, total_steps=steps
            )
            preprocess = preprocessing.layers(self.spec, sized=False)
            resize = preprocessing.sizing(self.spec)
            augment = self._augment
        auto = xla.jit_compile(model, self.replicas, kind, augmented=augment is not None)
        return Steps(
            model,
            self.strategy,
            preprocess,
            augment=augment,
            resize=resize,
            class_weight=class_weight.of(train_config.class_weight, self.spec, self.train.y),
            scale_targets=partial(preprocessing.scaled_targets, self.spec),
            jit_compile=auto if train_config.jit_compile == "auto" else train_config.jit_compile,
        )


def _may_change_weights(callback: str) -> bool:
    """Return whether a callback may change weights; any custom callback may."""
    return callback == "SwapEMAWeights" or callback.startswith(CUSTOM)
