"""The engine of Lockstep: reproducible, distributed Keras experiments.

It imports neither Prefect nor the stages. Each package imports only packages that come after it
in this list: serving, training, evaluation, modeling, runtime, data, tracking, versioning, config,
process, storage. Every package may import messages and errors.
"""
