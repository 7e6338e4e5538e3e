"""Layers and functions that several models share; stages that build a model depend on them."""
