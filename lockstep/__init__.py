"""The engine of Lockstep: reproducible, distributed Keras experiments.

It knows neither Prefect nor the stages. Each package imports only what stands below it:
serving, training, evaluation, modeling, runtime, data, tracking, versioning, config, process,
storage; and any of them messages and errors.
"""
