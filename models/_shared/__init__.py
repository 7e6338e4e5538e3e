"""Layers and functions that several models share: a dependency of each stage that makes one."""
