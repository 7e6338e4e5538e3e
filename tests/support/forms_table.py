"""docs/losses-and-metrics.md from the table in lockstep/modeling/target_forms.py.

To write it anew: python -m tests.support.forms_table
"""

from pathlib import Path

from lockstep.data.spec import Target
from lockstep.modeling.target_forms import LOSSES, METRICS, accepted

FILE = Path(__file__).parents[2] / "docs" / "losses-and-metrics.md"
TARGETS = {
    "classification, 2 classes": Target("classification", ["a", "b"]),
    "classification, 5 classes": Target("classification", list("abcde")),
    "multilabel": Target("multilabel", list("abc"), [3]),
    "regression, 1 number": Target("regression"),
    "regression, 3 numbers": Target("regression", [], [3]),
    "image, grey": Target("image", [], [8, 8]),
    "image, colours": Target("image", [], [8, 8, 3]),
    "mask, 2 classes": Target("mask", ["a", "b"], [8, 8]),
    "mask, 5 classes": Target("mask", list("abcde"), [8, 8]),
    "sequence of 2 classes": Target("sequence", ["a", "b"], [8]),
    "sequence of 5 classes": Target("sequence", list("abcde"), [8]),
    "sequence of numbers": Target("sequence", [], [8]),
}
TOP = """# Losses and metrics by kind of target

Which of Keras's losses (`train.loss`) and metrics (`train.metrics`) are taken for which
`data.target_kind`, and in which form each gets targets and outputs. All others are refused before
training, in a line that lists those that fit. `custom.NAME` gets the targets as they are stored.
Data without targets (`none`) have the loss and the metrics of the model's own `train_step` or
`add_loss`.

- *sparse*: class numbers, and a probability for each class;
- *one-hot*: one-hot classes, and a probability for each class;
- *column*: zeros and ones, and the probability of the second of two classes;
- *same*: targets with the shape of the outputs;
- *iou*: class numbers, and the numbers of the most probable classes.

A model has one output for two classes; what compares a probability for each class gets both. A
metric counts each pixel or step as an example. Of a model whose last layer has no activation, a
loss with the argument `from_logits` gets logits, and metrics get probabilities. The loss
BinaryCrossentropy is also for numbers that `normalize.target: unit` scales, if the last layer's
outputs are between 0 and 1.
"""


def render() -> str:
    """Return the page."""
    return "\n".join([TOP, *_table("Losses", LOSSES), *_table("Metrics", METRICS)])


def _table(title: str, table: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"## {title}", "", f"| | {' | '.join(TARGETS)} |", f"|---{'|---' * len(TARGETS)}|"]
    for name in table:
        cells = [accepted(table, name, target) or "-" for target in TARGETS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
