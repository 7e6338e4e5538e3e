"""The servers of `lockstep up`, and the temporary Prefect server of a run without them."""
