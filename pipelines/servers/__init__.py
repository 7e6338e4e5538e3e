"""The servers of `lockstep up`, and the temporary one of a run without any."""
