"""Readers and constants that several data sets share; download and normalize depend on them."""
