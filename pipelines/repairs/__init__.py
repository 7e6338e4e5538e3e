"""What kills, full disks and damage leave in a checkout, and what mends it: `lockstep doctor`."""
