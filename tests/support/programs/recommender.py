"""Users and films as vectors; a sigmoid of their product and biases is a rating from 0 to 1."""

import keras
from keras import layers, ops

from lockstep.modeling.mixed_inputs import ColumnIds

INPUT_KINDS = ("table",)
TARGET_KINDS = ("regression",)
CATEGORIES = "ids"


@keras.saving.register_keras_serializable(package="programs")
class Recommender(keras.Model):
    """Embeddings with regularized vectors, and a bias for each user and film."""

    def __init__(self, places: list, sizes: list, size: int, **more: object) -> None:
        super().__init__(**more)
        self.places, self.sizes, self.size = places, sizes, size
        penalty = keras.regularizers.L2(1e-6)
        self.ids = [ColumnIds(*each) for each in zip(places, sizes, strict=True)]
        self.vectors = [
            layers.Embedding(each, size, "he_normal", embeddings_regularizer=penalty)
            for each in sizes
        ]
        self.biases = [layers.Embedding(each, 1) for each in sizes]

    def call(self, x):
        user, film = (ids(x) for ids in self.ids)
        product = ops.sum(self.vectors[0](user) * self.vectors[1](film), axis=1, keepdims=True)
        return ops.sigmoid(product + self.biases[0](user) + self.biases[1](film))

    def get_config(self):
        own = {"places": self.places, "sizes": self.sizes, "size": self.size}
        return {**super().get_config(), **own}


def build(input_shape, outputs, activation, spec, *, size: int = 8) -> keras.Model:
    """Return the model of a table with the columns user and film."""
    table, names = spec.inputs["x"], ("user", "film")
    places = [table.places[name][0] for name in names]
    sizes = [table.columns[name].size for name in names]
    model = Recommender(places, sizes, size, name="recommender")
    model(keras.Input(input_shape))
    return model
