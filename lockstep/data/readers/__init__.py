"""Readers that turn files into arrays, for data sets and predictions."""
