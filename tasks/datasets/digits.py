"""Digits: 1,797 handwritten digits, 8x8 with 17 grey levels, which scikit-learn brings along."""

from tasks.datasets._shared.digit_images import ADDRESSES, CLASSES, FILES, FOLDER, TASK, read

__all__ = ["ADDRESSES", "CLASSES", "FILES", "FOLDER", "TASK", "read"]
