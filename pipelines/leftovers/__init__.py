"""What failed, killed and removed runs have left behind, and what removes it: `lockstep gc`."""
