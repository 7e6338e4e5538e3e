"""A variational autoencoder with its own train_step, in the manner of Keras's example."""

import keras
import tensorflow as tf

TARGET_KINDS = ("none",)


@keras.saving.register_keras_serializable(package="programs")
class Vae(keras.Model):
    """Encoder, sampling and decoder; the step minimizes reconstruction and KL losses."""

    def __init__(self, size: int, latent: int, **more: object) -> None:
        super().__init__(**more)
        self.size, self.latent = size, latent
        self.encoder = keras.layers.Dense(2 * latent)
        self.hidden = keras.layers.Dense(32, activation="relu")
        self.decoder = keras.layers.Dense(size, activation="sigmoid")
        self.seeds = keras.random.SeedGenerator(7)
        self.total = keras.metrics.Mean(name="loss")
        self.kl = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self) -> list:
        return [self.total, self.kl]

    def parts(self, x):
        mean, log_variance = tf.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(tf.shape(mean), seed=self.seeds)
        return (
            mean,
            log_variance,
            self.decoder(self.hidden(mean + tf.exp(log_variance / 2) * noise)),
        )

    def call(self, x):
        return self.decoder(self.hidden(tf.split(self.encoder(x), 2, axis=-1)[0]))

    def losses_of(self, x):
        mean, log_variance, made = self.parts(x)
        wrong = tf.reduce_mean(
            tf.reduce_sum(keras.losses.binary_crossentropy(x[..., None], made[..., None]), -1)
        )
        kl = -0.5 * tf.reduce_mean(
            tf.reduce_sum(1 + log_variance - mean**2 - tf.exp(log_variance), -1)
        )
        return wrong + kl, kl

    def update(self, loss, kl):
        self.total.update_state(loss)
        self.kl.update_state(kl)
        return {"loss": self.total.result(), "kl_loss": self.kl.result()}

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss, kl = self.losses_of(data)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self.update(loss, kl)

    def test_step(self, data):
        return self.update(*self.losses_of(data))

    def get_config(self):
        return {**super().get_config(), "size": self.size, "latent": self.latent}


def build(input_shape, outputs, activation, *, latent: int = 2) -> keras.Model:
    """Return the autoencoder of flat pictures or rows."""
    model = Vae(input_shape[0], latent, name="vae")
    model(keras.Input(input_shape))
    return model
