"""A plain Keras script that does the same as the pipeline, as its peer.

Load, normalize, fit, evaluate, plot and save, all in one process:
python -m benchmarks.script {mnist,digits} DATA OUT EPOCHS BATCH_SIZE
"""

import gzip
import json
import sys
from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

name, data, out = sys.argv[1], Path(sys.argv[2]) / "mnist", Path(sys.argv[3])
epochs, batch_size = int(sys.argv[4]), int(sys.argv[5])


def images(name):
    raw = gzip.decompress((data / f"{name}-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1).astype("float32") / 255


def labels(name):
    raw = gzip.decompress((data / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(raw, np.uint8, offset=8)


def mnist():
    return images("train"), labels("train"), images("t10k"), labels("t10k")


def digits():
    from sklearn.datasets import load_digits  # imported late: it takes a second

    x, y = load_digits(return_X_y=True)
    x, test = x.reshape(-1, 8, 8, 1).astype("float32") / 16, np.arange(len(x)) % 5 == 0
    return x[~test], y[~test], x[test], y[test]


keras.utils.set_random_seed(0)
x, y, test_x, test_y = {"mnist": mnist, "digits": digits}[name]()
model = keras.Sequential(
    [
        keras.Input(x.shape[1:]),
        keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(64, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
fitted = model.fit(x, y, batch_size, epochs, validation_split=0.1, verbose=2)
loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
predicted = model.predict(test_x, verbose=0).argmax(axis=1)
counts = np.zeros((10, 10), int)
np.add.at(counts, (test_y, predicted), 1)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.plot(fitted.history["loss"])
left.plot(fitted.history["val_loss"])
right.imshow(counts)
figure.savefig(out / "report.png")
model.save(out / "model.keras")
(out / "metrics.json").write_text(json.dumps({"loss": loss, "accuracy": accuracy}))
