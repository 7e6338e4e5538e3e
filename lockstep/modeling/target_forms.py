"""Which of Keras's losses and metrics fit which targets, and the form in which each takes them.

What a target's values are (`Target.values`) decides: `classes`, of which there are two or many;
`labels`, zeros and ones; `numbers`. A model has one output for two classes, and one for each of
many; a loss or metric that compares classes gets both columns of two.

docs/losses-and-metrics.md shows the table; a test compiles each pair.
"""

from collections.abc import Mapping
from typing import Any

from lockstep.config.schema import CUSTOM, KerasObjectConfig
from lockstep.data.spec import Target
from lockstep.errors import ParamsError

TWO, MANY, LABELS, NUMBERS = "two classes", "many classes", "labels", "numbers"
# The form of targets and outputs, (n, ...):
SPARSE = "sparse"  # class numbers (...), a column for each class
ONE_HOT = "one-hot"  # one-hot classes, a column for each class
COLUMN = "column"  # zeros and ones (..., 1), the second class's probability (..., 1)
SAME = "same"  # zeros and ones, or numbers, with the outputs' shape
AS_GIVEN = "as given"  # what the loss gets, for a custom metric
# class numbers, and the numbers of the most probable classes, unless arguments say else
IOU = "iou"

_YES_OR_NO = {TWO: COLUMN, LABELS: SAME}
_PROBABILITIES = {TWO: COLUMN, MANY: ONE_HOT, LABELS: SAME}
_CLASSES = {TWO: ONE_HOT, MANY: ONE_HOT}
_SPARSE = {TWO: SPARSE, MANY: SPARSE}
_NUMBERS = {NUMBERS: SAME}
_DISTANCE = {TWO: COLUMN, MANY: ONE_HOT, LABELS: SAME, NUMBERS: SAME}
_VECTORS = {TWO: ONE_HOT, MANY: ONE_HOT, LABELS: SAME, NUMBERS: SAME}
_COLUMNS = {TWO: ONE_HOT, MANY: ONE_HOT, LABELS: SAME}
_IOU = {TWO: IOU, MANY: IOU}

LOSSES: dict[str, dict[str, str]] = {
    "BinaryCrossentropy": _PROBABILITIES,
    "BinaryFocalCrossentropy": _PROBABILITIES,
    "CategoricalCrossentropy": _CLASSES,
    "CategoricalFocalCrossentropy": _CLASSES,
    "CategoricalGeneralizedCrossEntropy": _SPARSE,  # despite its name
    "CategoricalHinge": _CLASSES,
    "Circle": {},  # takes embeddings
    "CosineSimilarity": _VECTORS,
    "Dice": _PROBABILITIES,
    "Hinge": _PROBABILITIES,
    "Huber": _DISTANCE,
    "KLDivergence": _CLASSES,
    "LogCosh": _DISTANCE,
    "MeanAbsoluteError": _DISTANCE,
    "MeanAbsolutePercentageError": _DISTANCE,
    "MeanSquaredError": _DISTANCE,
    "MeanSquaredLogarithmicError": _DISTANCE,
    "Poisson": _DISTANCE,
    "SparseCategoricalCrossentropy": _SPARSE,
    "SquaredHinge": _PROBABILITIES,
    "Tversky": _PROBABILITIES,
}
METRICS: dict[str, dict[str, str]] = {
    "AUC": _PROBABILITIES,
    "Accuracy": {TWO: COLUMN, MANY: SPARSE, LABELS: SAME},
    "BinaryAccuracy": _YES_OR_NO,
    "BinaryCrossentropy": _PROBABILITIES,
    "BinaryIoU": _YES_OR_NO,
    "CategoricalAccuracy": _CLASSES,
    "CategoricalCrossentropy": _CLASSES,
    "CategoricalHinge": _CLASSES,
    "ConcordanceCorrelation": _NUMBERS,
    "CosineSimilarity": _VECTORS,
    "F1Score": _COLUMNS,
    "FBetaScore": _COLUMNS,
    "FalseNegatives": _PROBABILITIES,
    "FalsePositives": _PROBABILITIES,
    "Hinge": _PROBABILITIES,
    "IoU": _IOU,
    "KLDivergence": _CLASSES,
    "LogCoshError": _DISTANCE,
    "MeanAbsoluteError": _DISTANCE,
    "MeanAbsolutePercentageError": _DISTANCE,
    "MeanIoU": _IOU,
    "MeanSquaredError": _DISTANCE,
    "MeanSquaredLogarithmicError": _DISTANCE,
    "OneHotIoU": _CLASSES,
    "OneHotMeanIoU": _CLASSES,
    "PearsonCorrelation": _NUMBERS,
    "Poisson": _DISTANCE,
    "Precision": _PROBABILITIES,
    "PrecisionAtRecall": _PROBABILITIES,
    "R2Score": _NUMBERS,
    "Recall": _PROBABILITIES,
    "RecallAtPrecision": _PROBABILITIES,
    "RootMeanSquaredError": _DISTANCE,
    "SensitivityAtSpecificity": _PROBABILITIES,
    "SparseCategoricalAccuracy": _SPARSE,
    "SparseCategoricalCrossentropy": _SPARSE,
    "SparseTopKCategoricalAccuracy": _SPARSE,
    "SpecificityAtSensitivity": _PROBABILITIES,
    "SquaredHinge": _PROBABILITIES,
    "TopKCategoricalAccuracy": _CLASSES,
    "TrueNegatives": _PROBABILITIES,
    "TruePositives": _PROBABILITIES,
}
# For numbers between 0 and 1 too, as probabilities are: a picture's, and those of a target that
# normalize.target unit scales. Metrics get the latter in their units.
BETWEEN_0_AND_1 = ("BinaryCrossentropy",)
# Compare the numbers of one example with each other, so that they need two or more.
WITHIN_AN_EXAMPLE = ("CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation")
# What compares outputs with probabilities, or with thresholds between 0 and 1.
OF_PROBABILITIES = (
    "BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Poisson",
    "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SparseCategoricalCrossentropy", "SpecificityAtSensitivity",
)  # fmt: skip
# The argument that says from which output on a metric takes an example for one of a class.
THRESHOLDS = dict.fromkeys(("BinaryAccuracy", "BinaryIoU"), "threshold") | dict.fromkeys(
    (
        "FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives",
        "TruePositives",
    ),
    "thresholds",
)  # fmt: skip
ABOVE_0 = 2.0**-126  # the smallest float32 that isn't denormal; Keras's F1Score takes no 0
# With these arguments two classes are two columns.
OF_ONE_COLUMN = ("class_id", "top_k")


def values_of(target: Target) -> str:
    """Return TWO, MANY, LABELS or NUMBERS."""
    if target.values == "classes":
        return TWO if target.outputs == 1 else MANY
    return target.values


def form_of(key: str, config: KerasObjectConfig, target: Target) -> str | None:
    """Return the form in which a loss or metric takes a target; None for a custom one.

    `key` is train.loss or train.metrics. Raises ParamsError if it isn't for such targets, with
    those that are.
    """
    if config.name.startswith(CUSTOM):
        return None
    table = LOSSES if key == "train.loss" else METRICS
    form = accepted(table, config.name, target)
    if form is None:
        known = ", ".join(each for each in table if accepted(table, each, target))
        raise ParamsError(
            f"{key}: got {config.name}, which isn't for {described(target)}; expected auto, one of "
            f"{known}, or custom.NAME"
        )
    if form == COLUMN and any(config.arguments.get(each) is not None for each in OF_ONE_COLUMN):
        return ONE_HOT
    return form


def accepted(table: Mapping[str, Mapping[str, str]], name: str, target: Target) -> str | None:
    """Return the form in which the loss or metric of a table takes a target; None: it can't."""
    if name in WITHIN_AN_EXAMPLE and values_of(target) == NUMBERS and target.outputs == 1:
        return None
    between = target.is_between_0_and_1 if table is LOSSES else target.kind == "image"
    if name in BETWEEN_0_AND_1 and between:
        return SAME
    return table[name].get(values_of(target))


def described(target: Target) -> str:
    """Return the kind of a target in words."""
    count = {TWO: "two classes", MANY: f"{len(target.classes)} classes"}
    values = values_of(target) if target.outputs > 1 else values_of(target).removesuffix("s")
    details = count.get(values_of(target), f"{target.outputs} {values}")
    return f"the target kind {target.kind} with {details}"


def is_binary(config: KerasObjectConfig) -> bool:
    """Return whether a loss or metric is of yes or no, so that Keras looks for a sigmoid."""
    return config.name.startswith("Binary")


def check_between_0_and_1(key: str, config: KerasObjectConfig, logits: bool | None) -> None:
    """Raise ParamsError for a loss or metric of numbers between 0 and 1 where outputs aren't.

    `logits` is what `outputs.logits` says of the picture's outputs.
    """
    if is_binary(config) and logits is not False:
        raise ParamsError(
            f"{key}: {config.name}: takes numbers between 0 and 1, which the model's last layer "
            "doesn't give; expected its activation sigmoid, or MeanSquaredError"
        )


def defaults(config: KerasObjectConfig, target: Target) -> dict[str, Any]:
    """Return the arguments of a metric that follow from the target; raises ParamsError for others.

    F1Score of labels needs a threshold, without which Keras takes only the most probable label, and
    scores are compared with 0.
    """
    name, arguments = config.name, config.arguments
    if target.has_scores and name in OF_PROBABILITIES:
        raise ParamsError(
            f"train.metrics: {name}: takes probabilities, but the model's outputs are scores; "
            "expected Accuracy, AUC, Precision, Recall, Hinge or the like, or custom.NAME"
        )
    if target.has_scores and name in (*THRESHOLDS, "AUC"):
        return _of_scores(config)
    if name in ("F1Score", "FBetaScore") and values_of(target) == LABELS:
        return {"threshold": target.threshold or ABOVE_0}
    if name in ("MeanIoU", "IoU", "OneHotIoU", "OneHotMeanIoU"):
        count = len(target.classes)
        if arguments.get("num_classes", count) != count:
            raise ParamsError(
                f"train.metrics: {name}: got num_classes {arguments['num_classes']}, expected "
                f"{count}, or leave it out"
            )
        return {"num_classes": count}
    if name in WITHIN_AN_EXAMPLE and arguments.get("axis", -1) != -1:
        raise ParamsError(
            f"train.metrics: {name}: got axis {arguments['axis']}, which makes the value depend on "
            "the batches; expected -1, or leave it out"
        )
    return {}


def _of_scores(config: KerasObjectConfig) -> dict[str, Any]:
    """Return the argument by which a metric compares scores with 0, instead of 0.5."""
    if config.name == "AUC":  # its thresholds are between 0 and 1
        return {"from_logits": True}
    ranked = config.arguments.get("top_k") is not None  # without a threshold
    return {} if ranked else {THRESHOLDS[config.name]: 0.0}
