"""One file per model; its `build(input_shape, outputs, activation, *, ...)` returns the model."""
