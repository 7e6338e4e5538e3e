"""TensorFlow's start: devices, strategy, replicas, and the workers of a cluster."""
