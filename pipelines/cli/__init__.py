"""The commands of lockstep; mistakes are told before anything slow is imported."""
