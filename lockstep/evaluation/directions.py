"""Whether higher or lower is better, by a metric's exact name."""

import re
from collections.abc import Iterable, Mapping

from lockstep.errors import ParamsError

# Keras metrics by class name, with the default names of their instances in logs.
HIGHER = {
    "AUC": "auc",
    "Accuracy": "accuracy",
    "BinaryAccuracy": "binary_accuracy",
    "BinaryIoU": "binary_io_u",
    "CategoricalAccuracy": "categorical_accuracy",
    "ConcordanceCorrelation": "concordance_correlation",
    "CosineSimilarity": "cosine_similarity",
    "F1Score": "f1_score",
    "FBetaScore": "fbeta_score",
    "IoU": "io_u",
    "MeanIoU": "mean_io_u",
    "OneHotIoU": "one_hot_io_u",
    "OneHotMeanIoU": "one_hot_mean_io_u",
    "PearsonCorrelation": "pearson_correlation",
    "Precision": "precision",
    "PrecisionAtRecall": "precision_at_recall",
    "R2Score": "r2_score",
    "Recall": "recall",
    "RecallAtPrecision": "recall_at_precision",
    "SensitivityAtSpecificity": "sensitivity_at_specificity",
    "SparseCategoricalAccuracy": "sparse_categorical_accuracy",
    "SparseTopKCategoricalAccuracy": "sparse_top_k_categorical_accuracy",
    "SpecificityAtSensitivity": "specificity_at_sensitivity",
    "TopKCategoricalAccuracy": "top_k_categorical_accuracy",
    "TrueNegatives": "true_negatives",
    "TruePositives": "true_positives",
}
LOWER = {
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "CategoricalHinge": "categorical_hinge",
    "FalseNegatives": "false_negatives",
    "FalsePositives": "false_positives",
    "Hinge": "hinge",
    "KLDivergence": "kl_divergence",
    "LogCoshError": "logcosh",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanAbsolutePercentageError": "mean_absolute_percentage_error",
    "MeanSquaredError": "mean_squared_error",
    "MeanSquaredLogarithmicError": "mean_squared_logarithmic_error",
    "Poisson": "poisson",
    "RootMeanSquaredError": "root_mean_squared_error",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "SquaredHinge": "squared_hinge",
}
DEFAULT_NAMES = {**HIGHER, **LOWER}
# The loss, and the scores that evaluation always computes.
OURS = {
    "loss": "min", "mae": "min", "rmse": "min", "r2": "max", "psnr": "max", "macro_f1": "max",
    "macro_precision": "max", "macro_recall": "max", "exact_match": "max", "mean_iou": "max",
}  # fmt: skip
DIRECTIONS = {
    **dict.fromkeys(HIGHER.values(), "max"), **dict.fromkeys(LOWER.values(), "min"), **OURS,
}  # fmt: skip


def direction(
    metric: str,
    mode: str,
    targets: Iterable[str],
    key: str,
    own_names: Mapping[str, str] = {},
) -> str:
    """Return `min` or `max`: `mode`, or if that is `auto` the metric's own direction.

    The metric may begin with `val_` and a target's name, and end with a number. `own_names` are the
    classes of metrics by names that they got in params.yaml. Raises ParamsError that names `key`,
    such as register.metric, if the direction isn't known.
    """
    if mode != "auto":
        return mode
    plain = metric.removeprefix("val_")
    if plain == "loss" or any(plain == f"{target}_loss" for target in targets):
        return "min"
    names = [plain, *(plain.removeprefix(f"{target}_") for target in targets)]
    names += [re.sub(r"_\d+$", "", name) for name in names]
    names += [DEFAULT_NAMES.get(own_names[name], "") for name in names if name in own_names]
    found = next((DIRECTIONS[name] for name in names if name in DIRECTIONS), None)
    if found is None:
        raise ParamsError(
            f"{key}: got {metric!r}, a metric with no known direction, "
            f"expected {key.rpartition('.')[0]}.mode min or max with it"
        )
    return found


def improvement(value: float, other: float, direction: str) -> float:
    """Return how much better `value` is than `other`; negative if it is worse."""
    return other - value if direction == "min" else value - other
