"""Two inputs, two outputs, and a layer that both inputs share."""

import keras


def build(
    input_shape: dict[str, tuple[int, ...]],
    outputs: dict[str, int],
    activation: dict[str, str],
    *,
    features: int = 16,
    units: int = 64,
) -> keras.Model:
    """Return a model that applies one dense layer to each image row and to `rows`, then two heads.

    Inputs: `image`, (height, width, 1), and `rows`, (width,), the sums of the rows.
    """
    inputs = {name: keras.Input(shape, name=name) for name, shape in input_shape.items()}
    shared = keras.layers.Dense(features, activation="relu", name="shared")
    rows_of_image = keras.layers.Reshape(input_shape["image"][:2])(inputs["image"])
    views = [keras.layers.Flatten()(shared(rows_of_image)), shared(inputs["rows"])]
    joined = keras.layers.Dense(units, activation="relu")(keras.layers.Concatenate()(views))
    heads = {
        name: keras.layers.Dense(count, activation[name], dtype="float32", name=name)(joined)
        for name, count in outputs.items()
    }
    return keras.Model(inputs, heads, name="two_views")
