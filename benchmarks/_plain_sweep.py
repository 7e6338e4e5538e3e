"""A plain Optuna script with `fit`, in one process: the peer of `benchmarks.sweep`.

python -m benchmarks._plain_sweep TRIALS EPOCHS
"""

import os
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

import keras
import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def main(trials: int, epochs: int) -> None:
    """Search the same space as the sweep, with the same model, data and batch size."""
    data = load_digits()
    images = (data.images[..., np.newaxis] / 16).astype(np.float32)
    x, test_x, y, test_y = train_test_split(images, data.target, test_size=0.2, random_state=0)

    def objective(trial: optuna.Trial) -> float:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        model = network(trial.suggest_categorical("units", [32, 64, 128]))
        rate = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            x, y, batch_size=32, epochs=epochs, validation_split=0.1, verbose=0
        ).history
        model.evaluate(test_x, test_y, verbose=0)
        return float(min(history["val_loss"]))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=trials)
    print(study.best_params)


def network(units: int) -> keras.Model:
    """Return the network of models/cnn.py with its parameters in params.yaml."""
    layers = [keras.Input((8, 8, 1))]
    for filters in (32, 64):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dense(units, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return keras.Sequential(layers)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
