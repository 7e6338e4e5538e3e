"""Readers and constants that several data sets share: a dependency of download and normalize."""
