"""Your optimizers, losses, metrics and callbacks, if `train.custom_objects_file` names this file.

params.yaml refers to them as `custom.NAME`. The arguments given with the name go to a class's
constructor, or to each call of a function. An edit makes all experiments that name the file stale.
"""
