"""scikit-learn's models for a table of mixed columns, fitted as its user guide advises."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

DAY = pd.Timedelta(days=1)


def predictions(
    frame: pd.DataFrame,
    kinds: Mapping[str, str],
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return what boosting and a linear model predict for rows `test`, fitted on rows `train`.

    `y` are the names of classes, or numbers; `kinds` has the kind of each input column. Boosting
    gets no texts: it takes too long for thousands of words.
    """
    columns, classes = _prepared(frame, kinds), y.dtype.kind == "U"
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    linear = LogisticRegression(max_iter=5000) if classes else Ridge()
    plain = {name: kind for name, kind in kinds.items() if kind != "text"}
    models = {"linear": make_pipeline(_columns(kinds), linear)}
    if plain:
        models["boosting"] = make_pipeline(_columns(plain), boosting(random_state=0))
    return {
        name: np.asarray(model.fit(columns.iloc[train], y[train]).predict(columns.iloc[test]))
        for name, model in models.items()
    }


def _prepared(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Dates as days, true and false as numbers, and texts without missing cells."""
    columns = frame[list(kinds)].copy()
    for name, kind in kinds.items():
        if kind == "date":
            columns[name] = (pd.to_datetime(columns[name]) - pd.Timestamp(0)) / DAY
        elif kind == "boolean":
            columns[name] = columns[name].map({True: 1.0, False: 0.0, "Yes": 1.0, "No": 0.0})
        elif kind != "number":
            columns[name] = columns[name].fillna("").astype(str)
    return columns


def _columns(kinds: Mapping[str, str]) -> ColumnTransformer:
    names = {
        wanted: [name for name, kind in kinds.items() if kind == wanted]
        for wanted in set(kinds.values())
    }
    numbers = [name for kind in ("number", "date", "boolean") for name in names.get(kind, [])]
    texts = [(name, TfidfVectorizer(), name) for name in names.get("text", [])]
    return ColumnTransformer(
        [
            ("numbers", _numbers(), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), names.get("category", [])),
            *texts,
        ],
        sparse_threshold=1.0 if texts else 0.0,
    )


def _numbers() -> Pipeline:
    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
