"""Digits: 1,797 handwritten digits, 8x8 with 17 grey levels, from scikit-learn."""

from tasks.datasets._shared.digit_images import (
    ADDRESSES,
    CLASSES,
    FILES,
    FOLDER,
    TARGET_KIND,
    TRAIN_EXAMPLES,
    read,
)

__all__ = ["ADDRESSES", "CLASSES", "FILES", "FOLDER", "TARGET_KIND", "TRAIN_EXAMPLES", "read"]
