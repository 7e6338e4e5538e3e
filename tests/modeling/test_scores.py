"""Outputs that aren't probabilities: hinge margins, and what a model's file calls scores."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Input, Spec, Target
from lockstep.errors import ParamsError
from tests.modeling.test_two_classes import KERNEL, TARGET, X, Y, model
from tests.support.workspaces import REPOSITORY, change_params, load, run_stages, with_values

MARGIN = (X @ KERNEL)[:, 0]
HINGE = ["Accuracy", "Precision", "Recall", "AUC", "Hinge", "FalsePositives", "F1Score"]
STATISTICS = {"minimum": 0.0, "maximum": 1.0, "mean": 0.0, "deviation": 1.0}
INPUTS = {"x": Input("table", [3], "float32", STATISTICS)}
SPEC = Spec("x", INPUTS, {"y": TARGET}, {}, "none")
LABELS = Spec("x", INPUTS, {"y": Target("multilabel", ["wet", "cold"], [2])}, {}, "none")


def scored(changes: dict[str, Any], spec: Spec = SPEC) -> tuple[Any, Spec]:
    from lockstep.modeling.model_file import as_asked

    values = with_values({"train.loss": "Hinge", **changes})
    return values, as_asked(values, spec)


@pytest.mark.parametrize("outputs", [1, 2])
def test_metrics_compare_margins_with_0(tensorflow: Any, outputs: int) -> None:
    import keras

    from lockstep.modeling.compile import compile_for_testing

    made = model(outputs, None)
    values, spec = scored({"train.metrics": HINGE})
    compile_for_testing(made, values, spec, REPOSITORY)
    found = made.evaluate(X, Y, verbose=0, return_dict=True, batch_size=300)
    expected = {
        "accuracy": keras.metrics.BinaryAccuracy(threshold=0.0),
        "precision": keras.metrics.Precision(thresholds=0.0),
        "recall": keras.metrics.Recall(thresholds=0.0),
        "auc": keras.metrics.AUC(from_logits=True),
        "hinge": keras.metrics.Hinge(),
        "false_positives": keras.metrics.FalsePositives(thresholds=0.0),
    }
    for name, metric in expected.items():
        metric.update_state(Y[:, None], MARGIN[:, None])
        assert found[name] == pytest.approx(float(metric.result()), abs=1e-5), name
    assert found["loss"] == pytest.approx(found["hinge"], abs=1e-5)
    f1 = keras.metrics.F1Score()
    f1.update_state(np.eye(2)[Y], np.eye(2)[(MARGIN > 0).astype(int)])
    assert found["f1_score"] == pytest.approx(np.asarray(f1.result()).tolist(), abs=1e-5)


@pytest.mark.parametrize("label", [0, 1])
def test_a_class_of_a_metric_is_compared_with_0_too(tensorflow: Any, label: int) -> None:
    from lockstep.modeling.compile import compile_for_testing

    made = model(1, None)
    values, spec = scored({"train.metrics": [{"name": "Recall", "class_id": label}]})
    compile_for_testing(made, values, spec, REPOSITORY)
    found = made.evaluate(X, Y, verbose=0, return_dict=True, batch_size=300)
    hits = ((MARGIN > 0) == label)[label == Y]
    assert found["recall"] == pytest.approx(float(hits.mean()), abs=1e-5)


def test_two_outputs_of_one_name_are_refused(tensorflow: Any) -> None:
    from dataclasses import replace

    from lockstep.data.spec.targets import SCORES
    from lockstep.serving.output_names import named

    spec = replace(SPEC, targets={"a": replace(TARGET, outputs_are=SCORES), "a_scores": TARGET})
    with pytest.raises(ParamsError, match="targets: got a, a_scores, whose outputs would be"):
        named({"a": 1, "a_scores": 2}, spec)


@pytest.mark.parametrize("outputs", [1, 2])
def test_margins_are_served_as_they_are_and_called_scores(tensorflow: Any, outputs: int) -> None:
    from lockstep.serving.serving_model import with_preprocessing

    served = with_preprocessing(model(outputs, None), scored({})[1])(X)
    assert list(served) == ["scores"]
    np.testing.assert_allclose(served["scores"][:, 0], MARGIN, atol=1e-6)


def test_a_sigmoid_beside_a_hinge_loss_gives_probabilities(tensorflow: Any) -> None:
    from lockstep.serving.serving_model import with_preprocessing

    served = with_preprocessing(model(1, "sigmoid"), scored({})[1])(X)
    np.testing.assert_allclose(served[:, 0], 1 / (1 + np.exp(-MARGIN)), atol=1e-6)


def test_tanh_beside_a_hinge_loss_gives_scores(tensorflow: Any) -> None:
    from lockstep.serving.serving_model import with_preprocessing

    served = with_preprocessing(model(1, "tanh"), scored({})[1])(X)
    np.testing.assert_allclose(served["scores"][:, 0], np.tanh(MARGIN), atol=1e-6)


def test_labels_are_those_above_0(tensorflow: Any) -> None:
    import keras

    from lockstep.evaluation.reports import report_of
    from lockstep.modeling.compile import compile_for_testing
    from lockstep.modeling.outputs import described, given_by

    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    values, spec = scored({"train.metrics": ["Accuracy", "F1Score"]}, LABELS)
    compile_for_testing(made, values, spec, REPOSITORY)
    y = np.stack([Y, 1 - Y], axis=1)
    found = made.evaluate(X, y, verbose=0, return_dict=True, batch_size=300)
    outputs = made.predict(X, verbose=0)
    report = report_of(described(spec, given_by(made, spec)).targets["y"])
    report.add(y, outputs)
    right = float(((outputs > 0) == y).mean())
    assert found["accuracy"] == pytest.approx(right, abs=1e-6)
    assert report.scores()["accuracy"] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("metric", ["BinaryCrossentropy", "PrecisionAtRecall"])
def test_a_metric_of_probabilities_is_refused(tensorflow: Any, metric: str) -> None:
    from lockstep.modeling.compile import compile_for_testing

    values, spec = scored({"train.metrics": [{"name": metric}]})
    with pytest.raises(ParamsError, match=f"train.metrics: {metric}: takes probabilities, but"):
        compile_for_testing(model(1, None), values, spec, REPOSITORY)


def test_the_models_file_says_what_its_outputs_are(
    tensorflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lockstep.modeling.compile import compile_for_testing
    from lockstep.modeling.outputs import given_by
    from models import mlp

    monkeypatch.setattr(mlp, "OUTPUTS", "scores", raising=False)
    values, spec = scored({"model.name": "mlp", "train.loss": "auto"})
    assert given_by(model(1, None), spec)["y"].scores
    with pytest.raises(ParamsError, match="BinaryCrossentropy: takes probabilities, but the model"):
        compile_for_testing(model(1, None), values, spec, REPOSITORY)
    monkeypatch.setattr(mlp, "OUTPUTS", "logits")
    assert given_by(model(1, "tanh"), scored({"model.name": "mlp"})[1])["y"].logits
    monkeypatch.setattr(mlp, "OUTPUTS", "energies")
    with pytest.raises(ParamsError, match="OUTPUTS is 'energies', expected 'probabilities' or"):
        scored({"model.name": "mlp"})


SVM = '''"""A linear support vector machine."""

import keras


def build(input_shape, outputs, activation):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
'''


@pytest.mark.system
def test_a_support_vector_machine_predicts_scores_everywhere(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    from lockstep.serving.predict import predict_file
    from lockstep.tracking.client import as_default

    lines = [
        f"{a:.4f},{b:.4f},{c:.4f},{('no', 'yes')[y]}" for (a, b, c), y in zip(X, Y, strict=True)
    ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["a,b,c,label", *lines]) + "\n")
    root = make_workspace({}, "mlp", until="train")
    (root / "models" / "svm.py").write_text(SVM)
    changes = {
        "data.name": "csv", "data.path": str(table), "model.name": "svm", "model.svm": {},
        "train.loss": "Hinge", "train.metrics": ["Accuracy", "Hinge"], "train.epochs": 3,
        "register.threshold": 0.0,
    }  # fmt: skip
    change_params(root, changes)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setattr("models.__path__", [str(root / "models")])
    run_stages(root, "download", "normalize", "build", "train", "evaluate", "register")
    found = json.loads((root / "report" / "metrics.json").read_text())["test"]
    assert {"accuracy", "hinge", "macro_precision"} <= set(found)
    scores = np.load(root / "report" / "outputs.npy")[:, 0]
    with (root / "report" / "predictions.csv").open(newline="") as rows:
        predicted = [row["predicted"] for row in csv.DictReader(rows)]
    assert predicted == [("no", "yes")[int(each > 0)] for each in scores]
    rows = list(csv.DictReader(io.StringIO(predict_file(load(root), root, "best", table, None))))
    assert set(rows[0]) >= {"label", "score_yes"}
    assert "yes" not in rows[0]
    for row in rows:
        assert row["label"] == ("no", "yes")[int(float(row["score_yes"]) > 0)]
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    (registered,) = client.search_registered_models()
    with as_default(client):
        described = mlflow.models.get_model_info(f"models:/{registered.name}/1")
    assert described.signature.outputs.input_names() == ["scores"]
    # Later parameters don't change what the weights of an earlier training serve.
    stage = {"cmd": "python -m tasks train", "params": {"params.yaml": {"train.loss": "Hinge"}}}
    lock = {"schema": "2.0", "stages": {"train": stage}}
    (root / "dvc.lock").write_text(json.dumps(lock))
    change_params(root, {"train.loss": "auto", "train.metrics": "auto"})
    again = predict_file(load(root), root, "best", table, None)
    assert list(csv.DictReader(io.StringIO(again))) == rows
