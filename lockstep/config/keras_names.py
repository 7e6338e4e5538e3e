"""The names of Keras classes that params.yaml may use, available without importing Keras.

Importing TensorFlow takes seconds, and a misspelt name should fail before that.
A test compares the names with the installed Keras.
"""

OPTIMIZERS = (
    "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
    "Muon", "Nadam", "RMSprop", "SGD", "ScheduleFreeAdamW",
)  # fmt: skip
LOSSES = (
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge",
    "Circle", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge",
    "Tversky",
)  # fmt: skip
METRICS = (
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU", "CategoricalAccuracy",
    "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity",
    "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence",
    "LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "OneHotIoU", "OneHotMeanIoU",
    "PearsonCorrelation", "Poisson", "Precision", "PrecisionAtRecall", "R2Score", "Recall",
    "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity", "SquaredHinge", "TopKCategoricalAccuracy", "TrueNegatives",
    "TruePositives",
)  # fmt: skip
# Without BackupAndRestore and OrbaxCheckpoint: Lockstep resumes training from its own snapshots.
CALLBACKS = (
    "CSVLogger", "EarlyStopping", "LambdaCallback", "LearningRateScheduler", "ModelCheckpoint",
    "ReduceLROnPlateau", "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN",
)  # fmt: skip
SCHEDULES = (
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
    "PiecewiseConstantDecay", "PolynomialDecay",
)  # fmt: skip
# Layers that change an example, but neither its shape nor its label. Without Equalization: in a
# model it fails with "part of a cycle" in Keras 3.15.1.
AUGMENTATIONS = (
    "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization",
    "GaussianDropout", "GaussianNoise", "RandAugment", "RandomBrightness",
    "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
    "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue",
    "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
    "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
    "Solarization",
)  # fmt: skip
# Those for any numbers; the others take the last three axes for a picture's.
NOISE = ("GaussianDropout", "GaussianNoise")
# Layers that change the size of pictures, in training and evaluation.
SIZES = ("CenterCrop", "RandomCrop", "Resizing")
# Layers that move pixels, which a target with a value for each pixel would have to follow.
MOVING = (
    "AugMix", "RandAugment", "RandomElasticTransform", "RandomFlip", "RandomPerspective",
    "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom", *SIZES,
)  # fmt: skip

SHORT = {
    "acc": "Accuracy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "rmse": "RootMeanSquaredError",
}


def find(name: str, known: tuple[str, ...]) -> str | None:
    """Return the class in `known` for a name such as `mse`, `mean_squared_error` or `Adam`."""
    wanted = _squash(SHORT.get(name.lower(), name))
    return next((each for each in known if _squash(each) == wanted), None)


def _squash(name: str) -> str:
    return name.replace("_", "").lower()
