"""ONNX graphs of pipelines, and of all else that has a net inside."""

import numpy as np

from skfashion.export.converters import NET, convert
from skfashion.export.graphs import BATCH, with_labels
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library
from skfashion.export.plain import plain

# How all names begin in the graph of a pipeline, but for those of its interface.
PREFIX = "model/"


def pipeline_as_onnx(model, dtype, n_features):
    """Return a fitted classifier of scikit-learn's kind as an ``onnx.ModelProto``.

    Its input is ``X`` (n, `n_features`) of type `dtype`, uint8 or float32; its outputs are
    ``label`` and ``probabilities``.
    """
    onnx = import_library("onnx")
    compose = import_library("onnx.compose")
    # With names of their own, that no other is taken for.
    converted = compose.add_prefix(convert(plain(model), n_features), PREFIX)
    graph = converted.graph
    rows, probabilities = graph.input[0].name, graph.output[1].name
    nodes = list(graph.node)
    if dtype == np.uint8:
        nodes.insert(0, onnx.helper.make_node("Cast", ["bytes"], [rows], to=onnx.TensorProto.FLOAT))
    first = "bytes" if dtype == np.uint8 else rows
    names = {first: "X", rows: "X" if first == rows else "rows", probabilities: "probabilities"}
    # Numbers of the labels, whatever kind of labels the converters know.
    nodes.append(onnx.helper.make_node("ArgMax", [probabilities], ["codes"], axis=1, keepdims=0))
    del graph.node[:]
    graph.node.extend(_used(nodes, {probabilities, "codes"}))
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    _keep_used_initializers(graph)
    _set_interface(graph, dtype, n_features, len(model.classes_))
    return with_labels(converted, "codes", "label", labels_for_onnx(model.classes_))


def _used(nodes, wanted):
    """Return those nodes, in order, of which the wanted outputs are made."""
    wanted, used = set(wanted), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            used.append(node)
            wanted |= set(node.input)
    return used[::-1]


def _keep_used_initializers(graph):
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _set_interface(graph, dtype, n_features, n_classes):
    onnx = import_library("onnx")
    value, proto = onnx.helper.make_tensor_value_info, onnx.TensorProto
    kind = proto.UINT8 if dtype == np.uint8 else proto.FLOAT
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(value("X", kind, [BATCH, n_features]))
    codes = value("codes", proto.INT64, [BATCH])
    graph.output.extend([codes, value("probabilities", proto.FLOAT, [BATCH, n_classes])])


def nodes_of_nets(graph):
    """Return the nodes of a graph that belong to a net: all of them where it is no pipeline's."""
    nodes = list(graph.node)
    if not any(node.name.startswith(PREFIX) for node in nodes):
        return nodes
    return [node for node in nodes if node.name.startswith(PREFIX + NET)]
