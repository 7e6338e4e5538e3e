"""A deep convolutional GAN with two optimizers, in the manner of Keras's example."""

import keras
import tensorflow as tf

TARGET_KINDS = ("none",)


@keras.saving.register_keras_serializable(package="programs")
class Gan(keras.Model):
    """A generator and a discriminator of 8 x 8 pictures."""

    def __init__(self, latent: int, **more: object) -> None:
        super().__init__(**more)
        layers = keras.layers
        self.latent = latent
        self.generator = keras.Sequential(
            [
                keras.Input((latent,)),
                layers.Dense(4 * 4 * 8),
                layers.Reshape((4, 4, 8)),
                layers.Conv2DTranspose(8, 4, 2, "same", activation="leaky_relu"),
                layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
            ]
        )
        self.discriminator = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(8, 4, 2, "same", activation="leaky_relu"),
                layers.Flatten(),
                layers.Dropout(0.2),
                layers.Dense(1),
            ]
        )
        self.g_optimizer = keras.optimizers.Adam(1e-3)
        self.d_optimizer = keras.optimizers.Adam(1e-3)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, x):
        return self.discriminator(x)

    def train_step(self, real):
        loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
        noise = keras.random.normal((tf.shape(real)[0], self.latent), seed=self.seeds)
        made = self.generator(noise)
        with tf.GradientTape() as tape:
            yes, no = (self.discriminator(each, training=True) for each in (real, made))
            d_loss = loss_of(tf.ones_like(yes), yes) + loss_of(tf.zeros_like(no), no)
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            judged = self.discriminator(self.generator(noise), training=True)
            g_loss = loss_of(tf.ones_like(judged), judged)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        return {"d_loss": d_loss, "g_loss": g_loss}

    def test_step(self, data):
        return {"score": tf.reduce_mean(self.discriminator(data))}

    def get_config(self):
        return {**super().get_config(), "latent": self.latent}


def build(input_shape, outputs, activation, *, latent: int = 8) -> keras.Model:
    """Return the GAN; its output is the discriminator's logit."""
    model = Gan(latent, name="dcgan")
    model(keras.Input(input_shape))
    return model
