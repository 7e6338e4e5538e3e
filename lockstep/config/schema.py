"""The schema of params.yaml: one frozen pydantic model per section; unknown keys are errors."""

import codecs
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from lockstep.config import keras_names
from lockstep.config.addresses import check_mirror
from lockstep.config.surface import known_datasets, known_models, public_names
from lockstep.messages import choice


class Section(BaseModel):
    """A section of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class KerasObjectConfig(Section):
    """A Keras class by name, with arguments: `adam`, or `{name: sgd, momentum: 0.9}`.

    With `class` for the class, `name` is the object's own: `{class: Precision, name: p90}`.
    """

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="the name of a Keras class")

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the class: all keys except `name`, and its own name if it has one."""
        given = dict(self.__pydantic_extra__ or {})
        own = given.pop(OWN_NAME, None)
        return given if own is None else {**given, "name": own}


OWN_NAME = "own_name"  # where an object's own name stands beside the name of its class


def _as_mapping(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and "class" in value:
        given = {OWN_NAME if key == "name" else key: each for key, each in value.items()}
        return {"name": given.pop("class"), **given}
    return value


def _with_size(config: KerasObjectConfig) -> KerasObjectConfig:
    """Check the size that a layer gives pictures, which the model's input follows."""
    if config.name in keras_names.SIZES:
        given = [config.arguments.get(name) for name in ("height", "width")]
        if not all(type(each) is int and each > 0 for each in given):
            raise ValueError(
                f"{config.name}: got height {given[0]} and width {given[1]}, expected whole "
                "numbers above 0"
            )
    return config


def _one_of(known: tuple[str, ...], alternative: str = "") -> AfterValidator:
    """Replace any spelling of a name by the Keras class in `known`; keep `custom.NAME` as it is.

    `alternative` says in the error message which other values are allowed.
    """

    def resolve(config: KerasObjectConfig) -> KerasObjectConfig:
        custom = config.name.startswith(CUSTOM)
        name = config.name if custom else keras_names.find(config.name, known)
        if name is None:
            expected = f"{alternative}{choice(config.name, known)}"
            raise ValueError(f"got {config.name!r}, expected {expected}")
        return config.model_copy(update={"name": name})

    return AfterValidator(resolve)


def _project(info: ValidationInfo) -> Path:
    """The project's folder, which the caller passes as pydantic's validation context."""
    return Path(str(info.context))


def _file_in(known: Callable[[Path], list[str]]) -> AfterValidator:
    """Require one of the names that `known` returns for the project."""

    def check(name: str, info: ValidationInfo) -> str:
        names = known(_project(info))
        if name not in names:
            raise ValueError(f"got {name!r}, expected {choice(name, names)}")
        return name

    return AfterValidator(check)


def _in_project(file: str) -> str:
    """Refuse a file elsewhere, or among data: parameters may only run code of the project."""
    parts = Path(file).parts
    if Path(file).is_absolute() or ".." in parts or parts[:1] == ("data",):
        raise ValueError(f"got {file!r}, expected a file in the project, such as models/_custom.py")
    return file


CUSTOM = "custom."  # prefix of names defined in train.custom_objects_file
USER_DATA = (
    "csv",
    "folder",
    "npz",
    "table",
    "texts",
)  # data sets that read the user's file or folder data.path
WITH_ROWS = ("csv", "table")
WITH_COLUMNS = (*WITH_ROWS, "npz")
WITH_LABELS_FILE = ("folder", "texts")
SET_THE_RATE = ("LearningRateScheduler", "ReduceLROnPlateau")
NAMED = "a name, or a mapping with a name and arguments"
COUNT = "a whole number of at least 1"
MODE = "auto, min or max"
Mode = Literal["auto", "min", "max"]
TargetKind = Literal[
    "auto", "classification", "multilabel", "regression", "image", "mask", "sequence", "none"
]
TARGET_KINDS = ", ".join(get_args(TargetKind))
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]
Optimizer = Annotated[
    KerasObjectConfig, BeforeValidator(_as_mapping), _one_of(keras_names.OPTIMIZERS)
]
Loss = Annotated[KerasObjectConfig, BeforeValidator(_as_mapping), _one_of(keras_names.LOSSES)]
Metric = Annotated[KerasObjectConfig, BeforeValidator(_as_mapping), _one_of(keras_names.METRICS)]
Callback = Annotated[
    KerasObjectConfig, BeforeValidator(_as_mapping), _one_of(keras_names.CALLBACKS)
]
Schedule = Annotated[
    KerasObjectConfig,
    BeforeValidator(_as_mapping),
    _one_of(keras_names.SCHEDULES, "a number above 0, or "),
]
Augmentation = Annotated[
    KerasObjectConfig,
    BeforeValidator(_as_mapping),
    _one_of((*keras_names.AUGMENTATIONS, *keras_names.SIZES)),
    AfterValidator(_with_size),
]
NAMES = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
LayerNames = Annotated[
    list[str],
    BeforeValidator(lambda x: [x] if isinstance(x, str) else x),
    WithJsonSchema(NAMES),
]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Level = Annotated[int, Field(ge=0, le=255)]


ColumnKind = Literal["number", "category", "date", "text", "boolean", "drop"]
COLUMN_KINDS = ", ".join(get_args(ColumnKind))
DatePart = Literal["weekday", "month", "hour"]
DATE_PARTS = ", ".join(get_args(DatePart))


def _date_first(kinds: list[str]) -> list[str]:
    if kinds[0] != "date" or kinds.count("date") > 1:
        raise ValueError(f"got {kinds}, expected date first, then of {DATE_PARTS}")
    return kinds


Parts = Annotated[
    list[Literal["date"] | DatePart], Field(min_length=1), AfterValidator(_date_first)
]


def _encoding(name: str | None) -> str | None:
    if name is not None:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"got {name!r}, expected an encoding such as latin-1") from None
    return name


def _kind_given(columns: Any) -> Any:
    """Explain a key without a value, as `{age:number}` is in YAML."""
    given = columns if isinstance(columns, dict) else {}
    for name in [name for name, kind in given.items() if kind is None]:
        column, _, kind = str(name).rpartition(":")
        fix = f"{{{column}: {kind}}}, with a blank after the colon"
        expected = fix if column and kind in get_args(ColumnKind) else f"a kind: {COLUMN_KINDS}"
        raise ValueError(f"got the column {name!r} without a kind, expected {expected}")
    return columns


class Data(Section):
    """The data set, and where its files come from."""

    name: Annotated[str, _file_in(known_datasets)] = Field(description="a file in tasks/datasets/")
    mirror: Annotated[str | None, AfterValidator(check_mirror)] = Field(
        description="a folder, a file:// or http(s):// address, or null"
    )
    path: str = Field(min_length=1, description="a path")
    target: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        description="the name of a column, a list of names, or null"
    )
    target_kind: TargetKind | dict[str, TargetKind] = Field(
        description=f"{TARGET_KINDS}, or a mapping from targets to these"
    )
    sample_weight: Name | None = Field(description="the name of a column or array, or null")
    group: Name | None = Field(description="the name of a column or array, or null")
    time: Name | None = Field(description="the name of a column or array, or null")
    input_kind: Literal["auto", "image", "table", "text", "series"] = Field(
        description="auto, image, table, text or series"
    )
    validation_split: float = Field(ge=0, lt=1, description="a number of at least 0 and below 1")
    limit: Count | None = Field(description=f"null, or {COUNT}")
    columns: Annotated[dict[str, ColumnKind | Parts], BeforeValidator(_kind_given)] = Field(
        description=f"a mapping from columns to {COLUMN_KINDS}, or to [date, {DATE_PARTS}]"
    )
    header: bool | Literal["auto"] = Field(description="auto, true or false")
    delimiter: str | None = Field(max_length=1, min_length=1, description="null, or a character")
    decimal: Literal[".", ","] | None = Field(description="null, or . or ,")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        description="null, or a comma, a dot, a blank or an apostrophe"
    )
    encoding: Annotated[str | None, AfterValidator(_encoding)] = Field(
        description="null, or an encoding such as latin-1"
    )
    null_values: list[str] = Field(description="a list of texts")
    drop_missing_targets: bool = Field(description="true or false")
    test_split: float = Field(gt=0, lt=1, description="a number above 0 and below 1")
    stratify: bool | Literal["auto"] = Field(description="auto, true or false")
    skip_unreadable: bool = Field(description="true or false")
    labels_file: Annotated[str, Field(min_length=1)] | None = Field(
        description="null, or the path of a CSV in the folder data.path"
    )
    window: Count | None = Field(description=f"null, or {COUNT}")
    stride: Count = Field(description=COUNT)
    horizon: int = Field(ge=0, description="a whole number of at least 0")
    split_by: Literal["group", "time"] | None = Field(description="null, group or time")
    folds: Annotated[int, Field(ge=2)] | None = Field(
        description="null, or a whole number of at least 2"
    )
    fold: Count = Field(description=f"{COUNT}; with lockstep run also the override data.fold=all")

    @model_validator(mode="after")
    def _columns_are_of_tables_or_arrays(self) -> "Data":
        named = [key for key in ("sample_weight", "group", "time") if getattr(self, key)]
        if named and self.name not in WITH_COLUMNS and self.labels_file is None:
            expected = f"null, data.name {' or '.join(WITH_COLUMNS)}, or a labels_file"
            raise ValueError(f"got {named[0]} for {self.name}, expected {expected}")
        if self.group and self.time and self.window is None:
            raise ValueError("got group and time, expected one of them: they draw splits")
        return self

    @model_validator(mode="after")
    def _windows_are_of_tables_with_times(self) -> "Data":
        if self.window is None:
            if (self.stride, self.horizon, self.split_by) != (1, 1, None):
                raise ValueError("got stride, horizon or split_by, expected window with them")
        elif self.name not in WITH_ROWS or self.time is None:
            raise ValueError(
                f"got window for {self.name} and time {self.time or 'null'}, expected data.name "
                f"{' or '.join(WITH_ROWS)}, and the column that the rows are in order of"
            )
        elif self.limit is not None:
            raise ValueError(
                f"got limit {self.limit} and window {self.window}, expected null for one of them: "
                "windows need the rows in between"
            )
        elif (self.group is None) != (self.split_by is None):
            raise ValueError(
                f"got window with group {self.group or 'null'} and split_by "
                f"{self.split_by or 'null'}, expected both or none of them: split_by group keeps "
                "groups whole, such as patients; time tests on the last share of time"
            )
        return self

    @model_validator(mode="after")
    def _fold_is_one_of_the_folds(self) -> "Data":
        if self.fold > (self.folds or 1):
            raise ValueError(
                f"got fold {self.fold} and folds {'null' if self.folds is None else self.folds}, "
                "expected a fold from 1 to the number of folds"
            )
        return self

    @model_validator(mode="after")
    def _labels_lie_in_the_folder(self) -> "Data":
        if self.labels_file is None:
            return self
        # Below data.path, a file is copied and watched for changes with the pictures.
        outside = Path(self.labels_file).is_absolute() or ".." in Path(self.labels_file).parts
        if outside or self.name not in WITH_LABELS_FILE:
            raise ValueError(
                f"got labels_file {self.labels_file} for {self.name}, expected null, or for the "
                f"data sets {' and '.join(WITH_LABELS_FILE)} a path below data.path"
            )
        return self


class Normalize(Section):
    """How raw values are normalized for the model."""

    method: Literal["unit", "standard", "none"] = Field(description="unit, standard or none")
    target: Literal["none", "standard", "unit"] = Field(description="none, standard or unit")
    missing: Literal["refuse", "mean", "median", "constant"] | Finite = Field(
        description="refuse, mean, median, constant or a number"
    )
    missing_indicator: bool = Field(description="true or false")
    image_size: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = Field(
        description="null, or height and width in pixels"
    )
    background: Level | Annotated[list[Level], Field(min_length=3, max_length=3)] = Field(
        description="a whole number from 0 to 255, or three of them"
    )
    tokens: Literal["words", "characters"] = Field(description="words or characters")
    max_tokens: int = Field(ge=3, le=2**16, description="a whole number from 3 to 65536")
    sequence_length: Count = Field(description=COUNT)
    memory_mb: Count = Field(description=COUNT)

    @property
    def background_levels(self) -> tuple[int, ...]:
        """The background as one grey level, or as red, green and blue."""
        levels = [self.background] if isinstance(self.background, int) else self.background
        return tuple(levels)


class Model(Section):
    """The model's name, and for each model a section of keyword arguments."""

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
    """Initial weights from another training."""

    weights: str = Field(description="the path of a .weights.h5 file")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="the file's sha256, 64 hex digits")
    match: Literal["all", "name", "shape"] = Field(description="all, name or shape")


class Phase(Section):
    """Some epochs of a training, and what differs in them from the section train."""

    epochs: Count = Field(description=COUNT)
    freeze: LayerNames | None = Field(None, description="the name of a layer, or a list of names")
    learning_rate: Rate | Schedule | None = Field(None, description=f"a number above 0, or {NAMED}")
    optimizer: Optimizer | None = Field(None, description=NAMED)


class Train(Section):
    """How the model is trained."""

    epochs: Count | None = Field(description=f"{COUNT}, or null when steps is given")
    steps: Count | None = Field(description=f"{COUNT}, or null when epochs is given")
    phases: list[Phase] = Field(
        description="a list of mappings with epochs, and freeze, learning_rate or optimizer"
    )
    batch_size: Count = Field(description=COUNT)
    last_batch: Literal["keep", "drop"] = Field(description="keep or drop")
    validation: Literal["auto", "test"] = Field(description="auto or test")
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
    metrics: Literal["auto"] | list[Metric] = Field(description="auto, or a list of names")
    callbacks: list[Callback] = Field(description="a list of names or mappings with a name")
    augmentation: list[Augmentation] = Field(description="a list of names or mappings with a name")
    class_weight: Literal["balanced"] | dict[str | int, Weight] | None = Field(
        description="null, balanced, or a mapping from classes to numbers of at least 0"
    )
    warm_start: WarmStart | None = Field(description="null, or weights, sha256 and match")
    freeze: LayerNames = Field(description="a list of layer names, with * for any characters")
    custom_objects_file: Annotated[str, AfterValidator(_in_project)] = Field(
        description="the path of a Python file in the project"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        description="float32, mixed_float16 or mixed_bfloat16"
    )
    jit_compile: bool | Literal["auto"] = Field(description="auto, true or false")
    steps_per_execution: Count | Literal["auto"] = Field(description=f"auto, or {COUNT}")
    deterministic: bool = Field(description="true or false")
    memory_growth: bool = Field(description="true or false")
    data_placement: Literal["auto", "device", "disk"] = Field(description="auto, device or disk")
    snapshot_seconds: Annotated[float, Field(ge=0)] = Field(description="a number of at least 0")
    cluster_timeout_seconds: Rate = Field(description="a number above 0")
    monitor: str = Field(min_length=1, description="auto, or the name of a metric")
    mode: Mode = Field(description=MODE)
    log_steps: Count | None = Field(description=f"null, or {COUNT}")

    @property
    def own_names(self) -> dict[str, str]:
        """The classes of the metrics that have names of their own, by these."""
        metrics = [] if self.metrics == "auto" else self.metrics
        return {each.arguments["name"]: each.name for each in metrics if "name" in each.arguments}

    @model_validator(mode="after")
    def _names_differ(self) -> "Train":
        metrics = [] if self.metrics == "auto" else self.metrics
        names = [each.arguments.get("name", "") for each in metrics]
        twice = [name for name in names if name and names.count(name) > 1]
        if twice:
            raise ValueError(f"got two metrics with the name {twice[0]}, expected different ones")
        return self

    @model_validator(mode="after")
    def _epochs_or_steps(self) -> "Train":
        if self.phases:
            if self.epochs is not None or self.steps is not None:
                both = f"got phases with epochs {self.epochs} and steps {self.steps}"
                raise ValueError(f"{both}, expected null for both: each phase has its own epochs")
            return self
        if (self.epochs is None) == (self.steps is None):
            both = f"got epochs {self.epochs} and steps {self.steps}"
            raise ValueError(f"{both}, expected a number for one of them and null for the other")
        return self

    @model_validator(mode="after")
    def _callbacks_fit(self) -> "Train":
        names = [each.name for each in self.callbacks]
        setters = [name for name in names if name in SET_THE_RATE]
        if isinstance(self.learning_rate, KerasObjectConfig) and setters:
            both = f"got learning_rate {self.learning_rate.name} and the callback {setters[0]}"
            raise ValueError(f"{both}, expected a number for learning_rate, or no such callback")
        custom = self.optimizer.name.startswith(CUSTOM)
        if "SwapEMAWeights" in names and not (custom or self.optimizer.arguments.get("use_ema")):
            raise ValueError("got the callback SwapEMAWeights, expected an optimizer with use_ema")
        return self

    @model_validator(mode="after")
    def _custom_names(self, info: ValidationInfo) -> "Train":
        parts = self.model_dump(exclude={"custom_objects_file", "warm_start", "freeze"})
        used = [name for name in _texts(parts) if name.startswith(CUSTOM)]
        defined = public_names(_project(info), self.custom_objects_file) if used else []
        for name in used:
            if name.removeprefix(CUSTOM) not in defined:
                known = [CUSTOM + each for each in defined]
                other = "the file that does in custom_objects_file, such as models/_custom.py"
                expected = choice(name, known) if known else other
                raise ValueError(
                    f"got {name!r}, which {self.custom_objects_file} doesn't define, "
                    f"expected {expected}"
                )
        return self


class Evaluate(Section):
    """Which weights are evaluated and registered."""

    weights: Literal["best", "last"] = Field(description="best or last")


class Register(Section):
    """When a model is registered in MLflow, and when it becomes the champion."""

    name: str = Field(pattern=r"^[^/:\s][^/:]*$", description="auto, or a name without / and :")
    metric: str = Field(min_length=1, description="auto, or the name of a test metric")
    mode: Mode = Field(description=MODE)
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        description="a finite number, or null"
    )
    min_delta: float = Field(ge=0, allow_inf_nan=False, description="a number of at least 0")
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        description="a number between 0 and 1, such as 0.95, or null"
    )
    max_class_drop: Annotated[float, Field(ge=0, le=1)] | None = Field(
        description="a number from 0 to 1, or null"
    )
    smoke_test: bool = Field(description="true or false")


class Tracking(Section):
    """What MLflow gets besides parameters, metrics and reports."""

    checkpoints: Literal["best", "all", "none"] = Field(description="best, all or none")


with warnings.catch_warnings():
    # pydantic warns because ABCMeta has a method `register`; a field of that name is harmless.
    warnings.filterwarnings("ignore", message='Field name "register"')

    class Params(Section):
        """The whole params.yaml."""

        seed: int = Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")
        data: Data
        normalize: Normalize
        model: Model
        train: Train
        evaluate: Evaluate
        register: Register
        tracking: Tracking

        @property
        def registered_name(self) -> str:
            """The name of the registered model.

            `auto` is the data set's name, or for csv, folder, npz and table the name of data.path.
            """
            if self.register.name != "auto":
                return self.register.name
            from_user = self.data.name in USER_DATA
            name = Path(self.data.path).stem if from_user else self.data.name
            return re.sub(r"[/:\s]+", "-", name)


def _texts(value: Any) -> Iterable[str]:
    """All strings in nested mappings and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
