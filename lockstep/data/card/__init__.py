"""The data card: what the stage normalize found in a data set, for a person to look at."""
