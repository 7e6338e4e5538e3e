"""Your own optimizers, losses, metrics and callbacks, for params.yaml by name: `loss: own.NAME`.

A class is made with the arguments that stand beside its name; a function is given them with each
call. Give `train.own` another path to use another file.
"""
