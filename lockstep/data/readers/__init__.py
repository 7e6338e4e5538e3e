"""Files as arrays: what data sets and predictions read them with."""
