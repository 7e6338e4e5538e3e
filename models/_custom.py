"""Your optimizers, losses, metrics and callbacks; params.yaml refers to them as `custom.NAME`.

The arguments given with the name go to a class's constructor, or to each call of a function. To use
another file, set `train.custom_objects_file`.
"""
