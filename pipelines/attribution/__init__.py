"""How much of a metric's change each difference between two experiments accounts for."""
