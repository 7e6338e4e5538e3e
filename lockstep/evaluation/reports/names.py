"""The names of the scores that each report gives, by target kind and by what its values are.

Known without a report: register.metric is checked before training.
"""

_OF_NUMBERS = ("mae", "rmse", "r2")
_MACRO = ("macro_precision", "macro_recall")  # means over the classes or labels
_OF_PLACES = ("accuracy", *_MACRO, "mean_iou")
SCORES = {
    ("classification", "classes"): ("accuracy", *_MACRO),
    ("multilabel", "labels"): ("accuracy", "exact_match", *_MACRO, "macro_f1"),
    ("regression", "numbers"): _OF_NUMBERS,
    ("image", "numbers"): (*_OF_NUMBERS, "psnr"),
    ("mask", "classes"): _OF_PLACES,
    ("sequence", "classes"): _OF_PLACES,
    ("sequence", "numbers"): _OF_NUMBERS,
}
