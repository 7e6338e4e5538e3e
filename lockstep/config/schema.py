"""The shape of params.yaml: one frozen class for each section, unknown keys refused."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from lockstep.config import keras_names
from lockstep.config.surface import known_datasets, known_models, public_names
from lockstep.messages import choice


class Section(BaseModel):
    """A part of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Named(Section):
    """Something of Keras by its name, with arguments: `adam`, or `{name: sgd, momentum: 0.9}`."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="the name of a Keras class")

    @property
    def arguments(self) -> dict[str, Any]:
        """Everything beside the name."""
        return dict(self.__pydantic_extra__ or {})


def _spell(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _one_of(known: tuple[str, ...], beside: str = "") -> AfterValidator:
    """Settle any spelling of a name on the Keras class among `known`; the user's own stay.

    `beside` is what else may stand there.
    """

    def settle(named: Named) -> Named:
        own = named.name.startswith(OWN)
        name = named.name if own else keras_names.find(named.name, known)
        if name is None:
            raise ValueError(f"got {named.name!r}, expected {beside}{choice(named.name, known)}")
        return named.model_copy(update={"name": name})

    return AfterValidator(settle)


def _project(info: ValidationInfo) -> Path:
    """The project's folder, which is the context of the validation."""
    return Path(str(info.context))


def _file_in(known: Callable[[Path], list[str]]) -> AfterValidator:
    """Demand a name that is one of the files that `known` lists in the project."""

    def settle(name: str, info: ValidationInfo) -> str:
        names = known(_project(info))
        if name not in names:
            raise ValueError(f"got {name!r}, expected {choice(name, names)}")
        return name

    return AfterValidator(settle)


OWN = "own."  # before a name that stands in the user's own file, train.own
SET_THE_RATE = ("LearningRateScheduler", "ReduceLROnPlateau")
NAMED = "a name, or a mapping with a name and arguments"
COUNT = "a whole number of at least 1"
Count = Annotated[int, Field(ge=1)]
Optimizer = Annotated[Named, BeforeValidator(_spell), _one_of(keras_names.OPTIMIZERS)]
Loss = Annotated[Named, BeforeValidator(_spell), _one_of(keras_names.LOSSES)]
Metric = Annotated[Named, BeforeValidator(_spell), _one_of(keras_names.METRICS)]
Callback = Annotated[Named, BeforeValidator(_spell), _one_of(keras_names.CALLBACKS)]
Schedule = Annotated[
    Named, BeforeValidator(_spell), _one_of(keras_names.SCHEDULES, "a number above 0, or ")
]
Augmentation = Annotated[Named, BeforeValidator(_spell), _one_of(keras_names.AUGMENTATIONS)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Data(Section):
    """Which data set, and where its files come from."""

    name: Annotated[str, _file_in(known_datasets)] = Field(description="a file in tasks/datasets/")
    mirror: str | None = Field(description="a folder, a file:// or http(s):// address, or null")
    path: str = Field(min_length=1, description="a path")
    target: str | None = Field(description="the name of a column, or null")
    task: Literal["auto", "classification", "regression"] = Field(
        description="auto, classification or regression"
    )
    validation: float = Field(ge=0, lt=1, description="a number from 0 up to, but not, 1")


class Normalize(Section):
    """How raw values become what a model sees."""

    method: Literal["unit", "standard", "none"] = Field(description="unit, standard or none")
    size: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = Field(
        description="null, or height and width in pixels"
    )
    words: int = Field(ge=3, le=2**16, description="a whole number from 3 to 65536")
    length: Count = Field(description=COUNT)


class Model(Section):
    """The model's name, and a section of keyword arguments for each model."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, _file_in(known_models)] = Field(description="a file in models/")

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the named model."""
        return dict(self.sections.get(self.name) or {})

    @property
    def sections(self) -> dict[str, Any]:
        """Each model's keyword arguments, by the model's name."""
        return dict(self.__pydantic_extra__ or {})


class WarmStart(Section):
    """Weights of another training to begin with."""

    weights: str = Field(description="the path of a .weights.h5 file")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the file's sha256, 64 hex digits")
    match: Literal["all", "name", "shape"] = Field(description="all, name or shape")


class Train(Section):
    """How weights are found."""

    epochs: Count | None = Field(description=f"{COUNT}, or null when steps is given")
    steps: Count | None = Field(description=f"{COUNT}, or null when epochs is given")
    batch_size: Count = Field(description=COUNT)
    order: Literal["shuffle", "sequential", "replacement"] = Field(
        description="shuffle, sequential or replacement"
    )
    replicas: Count | Literal["auto"] = Field(description=f"auto, or {COUNT}")
    learning_rate: Rate | Schedule = Field(description=f"a number above 0, or {NAMED}")
    optimizer: Optimizer = Field(description=NAMED)
    loss: Annotated[Literal["auto"] | Loss | dict[str, Loss], Field(union_mode="left_to_right")] = (
        Field(description=f"auto, or {NAMED}")
    )
    loss_weights: dict[str, Weight] | None = Field(
        description="null, or a mapping from targets to numbers of at least 0"
    )
    labels: Literal["auto", "sparse", "one_hot"] = Field(description="auto, sparse or one_hot")
    metrics: Literal["auto"] | list[Metric] = Field(description="auto, or a list of names")
    callbacks: list[Callback] = Field(description="a list of names or mappings with a name")
    augmentation: list[Augmentation] = Field(description="a list of names or mappings with a name")
    class_weights: Literal["balanced"] | dict[str | int, Weight] | None = Field(
        description="null, balanced, or a mapping from classes to numbers of at least 0"
    )
    warm_start: WarmStart | None = Field(description="null, or weights, sha256 and match")
    freeze: list[str] = Field(description="a list of layer names, with * for any characters")
    own: str = Field(description="the path of a Python file")
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        description="float32, mixed_float16 or mixed_bfloat16"
    )
    jit_compile: bool | Literal["auto"] = Field(description="auto, true or false")
    steps_per_call: Count | Literal["auto"] = Field(description=f"auto, or {COUNT}")
    memory_growth: bool = Field(description="true or false")
    residency: Literal["auto", "device", "stream"] = Field(description="auto, device or stream")
    bundle_seconds: Annotated[float, Field(ge=0)] = Field(description="a number of at least 0")
    cluster_seconds: Rate = Field(description="a number above 0")

    @model_validator(mode="after")
    def _epochs_or_steps(self) -> "Train":
        if (self.epochs is None) == (self.steps is None):
            both = f"got epochs {self.epochs} and steps {self.steps}"
            raise ValueError(f"{both}, expected a number for one of them and null for the other")
        return self

    @model_validator(mode="after")
    def _callbacks_fit(self) -> "Train":
        names = [each.name for each in self.callbacks]
        setters = [name for name in names if name in SET_THE_RATE]
        if isinstance(self.learning_rate, Named) and setters:
            both = f"got learning_rate {self.learning_rate.name} and the callback {setters[0]}"
            raise ValueError(f"{both}, expected a number for learning_rate, or no such callback")
        own = self.optimizer.name.startswith(OWN)
        if "SwapEMAWeights" in names and not (own or self.optimizer.arguments.get("use_ema")):
            raise ValueError("got the callback SwapEMAWeights, expected an optimizer with use_ema")
        return self

    @model_validator(mode="after")
    def _own_names(self, info: ValidationInfo) -> "Train":
        parts = self.model_dump(exclude={"own", "warm_start", "freeze"})
        used = [name for name in _texts(parts) if name.startswith(OWN)]
        there = public_names(_project(info), self.own) if used else []
        for name in used:
            if name.removeprefix(OWN) not in there:
                known = choice(name, [OWN + each for each in there]) if there else "nothing of it"
                raise ValueError(f"got {name!r}, which {self.own} doesn't have, expected {known}")
        return self


class Evaluate(Section):
    """Which weights are judged, and registered."""

    weights: Literal["best", "last"] = Field(description="best or last")


class Register(Section):
    """What a model must reach to enter the registry, and to lead it."""

    name: str = Field(pattern=r"^[^/:\s][^/:]*$", description="a name without / and :")
    metric: str = Field(min_length=1, description="the name of a test metric")
    minimum: float = Field(allow_inf_nan=False, description="a finite number")
    gain: float = Field(ge=0, allow_inf_nan=False, description="a number of at least 0")


with warnings.catch_warnings():
    # The metaclass has a method of that name; an instance's field doesn't meet it.
    warnings.filterwarnings("ignore", message='Field name "register"')

    class Params(Section):
        """All of params.yaml."""

        seed: int = Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")
        data: Data
        normalize: Normalize
        model: Model
        train: Train
        evaluate: Evaluate
        register: Register


def _texts(value: Any) -> Iterable[str]:
    """Every text in nested mappings and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
