"""The shape of params.yaml: one frozen class for each section, unknown keys refused."""

import ast
import copy
import sys
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
    ValidationError,
    create_model,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

import keras_names
from complaints import choice, explain
from errors import ParamsError

ROOT = Path(__file__).parent


def known_models() -> list[str]:
    """The names of the files in models/."""
    return _modules(ROOT / "models")


def known_datasets() -> list[str]:
    """The names of the files in tasks/datasets/."""
    return _modules(ROOT / "tasks" / "datasets")


def _modules(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))


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


def _file_in(known: Callable[[], list[str]]) -> AfterValidator:
    """Demand a name that is one of the files that `known` lists."""

    def settle(name: str) -> str:
        if name not in known():
            raise ValueError(f"got {name!r}, expected {choice(name, known())}")
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
    def _own_names(self) -> "Train":
        parts = self.model_dump(exclude={"own", "warm_start", "freeze"})
        used = [name for name in _texts(parts) if name.startswith(OWN)]
        there = _names_in(self.own) if used else []
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


def load(path: Path) -> Params:
    """Read and check a parameters file; raises ParamsError with one line for the first mistake."""
    return check(read(path), path.name)


def read(path: Path) -> Any:
    """Return the file's YAML 1.2 as plain dicts and lists; raises ParamsError if it isn't any."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{path}: no such file, expected the parameters of this workspace"
        ) from None
    except UnicodeDecodeError as error:
        raise ParamsError(
            f"{path.name}: byte {error.start} isn't UTF-8, save it as UTF-8"
        ) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = " ".join(str(error.problem).split())
        raise ParamsError(f"{path.name}:{line}: not valid YAML: {problem}") from None
    except YAMLError as error:
        raise ParamsError(f"{path.name}: not valid YAML: {' '.join(str(error).split())}") from None


def check(raw: Any, source: str = "params.yaml") -> Params:
    """Return `raw` as Params; raises ParamsError with one line that names `source`."""
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        raise ParamsError(f"{source}: {explain(error, Params)}") from None
    if params.model.name not in params.model.sections:
        # DVC names it as the stages' parameter.
        raise ParamsError(
            f"{source}: model.{params.model.name}: missing, expected a section for it; {{}} will do"
        )
    for name, section in params.model.sections.items():
        _check_model(name, {} if section is None else section, source)
    return params


def _check_model(name: str, section: Any, source: str) -> None:
    if name not in known_models():
        line = f"model.{name}: unknown key, expected {choice(name, ['name', *known_models()])}"
        raise ParamsError(f"{source}: {line}")
    arguments = _arguments_of(name)
    try:
        arguments.model_validate(section)
    except ValidationError as error:
        line = explain(error, arguments, ("model", name))
        raise ParamsError(f"{source}: {line}") from None


def _texts(value: Any) -> Iterable[str]:
    """Every text in nested mappings and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _names_in(file: str) -> list[str]:
    """The classes and functions of a Python file, read without importing it."""
    try:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"), file)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(
            f"got own {file!r}, expected a Python file that can be read: {error}"
        ) from None
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]


def _arguments_of(name: str) -> type[Section]:
    """A model file's keyword arguments as a Section, read without importing Keras."""
    tree = ast.parse((ROOT / "models" / f"{name}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    build = next((node for node in functions if node.name == "build"), None)
    if build is None:
        raise ParamsError(f"models/{name}.py: no function build, expected one that makes the model")
    fields: dict[str, Any] = {}
    for argument, default in zip(build.args.kwonlyargs, build.args.kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation) if argument.annotation else "Any"
        described = Field(... if default is None else None, description=_in_words(annotation))
        fields[argument.arg] = (annotation, described)
    return create_model(f"model.{name}", __base__=Section, **fields)


def _in_words(annotation: str) -> str:
    words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
    parts = [part.strip() for part in annotation.split("|")]
    lists = {f"list[{kind}]": f"a list, each {word}" for kind, word in words.items()}
    return " or ".join((words | lists).get(part, part) for part in parts)


def overridden(raw: Any, assignments: list[str]) -> Any:
    """Return a copy of `raw` with each `key=value` set; raises ParamsError for what isn't one."""
    values = copy.deepcopy(raw)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key and equals):
            raise ParamsError(f"got {assignment!r}, expected key=value such as train.epochs=3")
        *sections, last = key.split(".")
        inside = values
        for section in sections:
            inside = inside.setdefault(section, {}) if isinstance(inside, dict) else None
        if not isinstance(inside, dict):
            raise ParamsError(f"{key}: unknown key, {'.'.join(sections)} has no parts")
        inside[last] = _value(assignment, text)
    return values


def write_overridden(path: Path, assignments: list[str]) -> None:
    """Set each `key=value` in a file, which keeps its comments."""
    yaml = YAML()
    yaml.width = sys.maxsize  # a long list that is wrapped before a comment isn't YAML any more
    yaml.dump(overridden(yaml.load(path), assignments), path)


def _value(assignment: str, text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise ParamsError(f"got {assignment!r}, expected a value that is YAML") from None


def flat(params: Params) -> dict[str, Any]:
    """Return dotted keys and plain values, of the chosen model's section only."""
    values = params.model_dump(mode="json")
    values["model"] = {"name": params.model.name, params.model.name: params.model.arguments}
    return dict(_flatten(values, ""))


def _flatten(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
