"""The operations of a traced graph, with those of the functions that it calls."""

from collections.abc import Iterator

import tensorflow as tf


def every_operation(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Yield the operations of a graph, its loops, branches and calls; each function's once."""
    waiting, seen = [graph], {id(graph)}
    while waiting:
        operations = waiting.pop().get_operations()
        yield from operations
        for inner in (each for operation in operations for each in functions_of(operation)):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)


def functions_of(operation: tf.Operation) -> Iterator[tf.Graph]:
    """Yield the graphs of the functions that an operation calls."""
    for attribute in operation.op_def.attr:
        if attribute.type in ("func", "list(func)"):
            value = operation.get_attr(attribute.name)
            for each in value if isinstance(value, list) else [value]:
                yield graph_of(operation.graph, each.name)


def graph_of(graph: tf.Graph, name: str) -> tf.Graph:
    """Return the graph of a function that was traced inside of a graph or of one around it.

    A FuncGraph has no public way to the functions that its operations call.
    """
    while name not in graph._functions:
        graph = graph.outer_graph
    return graph._functions[name].graph
