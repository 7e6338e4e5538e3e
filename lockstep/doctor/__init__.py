"""What `lockstep doctor` finds: the GPUs, the software that they need, and what training does."""
