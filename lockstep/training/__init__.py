"""Everything that decides a training's bits."""
