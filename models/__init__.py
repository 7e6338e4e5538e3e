"""One file for each model: `build(input_shape, outputs, activation, *, ...)` returns it."""
