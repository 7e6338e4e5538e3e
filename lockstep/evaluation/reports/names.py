"""The names of the scores that each report gives, by target kind and by what its values are.

Known without a report: register.metric is checked before training.
"""

_OF_NUMBERS = ("mae", "rmse", "r2")
_OF_PLACES = ("accuracy", "precision", "recall", "mean_iou")
SCORES = {
    ("classification", "classes"): ("accuracy", "precision", "recall"),
    ("multilabel", "labels"): ("accuracy", "exact_match", "precision", "recall", "f1"),
    ("regression", "numbers"): _OF_NUMBERS,
    ("image", "numbers"): (*_OF_NUMBERS, "psnr"),
    ("mask", "classes"): _OF_PLACES,
    ("sequence", "classes"): _OF_PLACES,
    ("sequence", "numbers"): _OF_NUMBERS,
}
