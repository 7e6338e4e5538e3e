"""What test outputs are worth, in numbers and pictures."""
