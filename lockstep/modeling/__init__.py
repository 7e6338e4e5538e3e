"""Building and compiling models, and the preprocessing layers in front of them."""
