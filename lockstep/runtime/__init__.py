"""TensorFlow set-up: devices, strategy, replicas, and the workers of a cluster."""
