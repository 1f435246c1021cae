"""Graphs: what PyTorch records of a module for batches of any size, and the same as ONNX."""

import warnings

import torch

from skfashion.export.libraries import import_library
from skfashion.training import own_modes

# The newest that skl2onnx and PyTorch's exporter both write.
OPSET = 20
# Rows of the example that is recorded: of one, PyTorch makes a constant.
N_EXAMPLE = 2
# The name of the first axis of all inputs and outputs.
BATCH = "batch"


def exported_program(module, example):
    """Return what a module computes of a batch of any size, a ``torch.export.ExportedProgram``.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    example : ndarray
        One row at least.
    """
    rows = torch.from_numpy(example[[0] * N_EXAMPLE])
    batch = ({0: torch.export.Dim(BATCH, min=1)},)
    with own_modes(gradients=False), torch.no_grad(), warnings.catch_warnings():
        # Of layers that keep a list of their weights beside them, as recurrent ones do.
        warnings.filterwarnings("ignore", "The tensor attributes? .* assigned during export")
        try:
            return torch.export.export(module, (rows,), dynamic_shapes=batch)
        except Exception as error:
            if module.network.may_be_rebuilt:
                raise
            raise ValueError(
                "Got a ModuleClassifier whose module torch.export cannot record "
                f"({type(error).__name__}: {str(error)[:400]}). Expected a forward that computes "
                "with tensors only, the same steps for a batch of any size: it must not read "
                "values (.item(), if, NumPy) or fix the number of rows (use x.shape[0], not "
                "len(x))."
            ) from error


def as_onnx(program, input_name, output_names):
    """Return an exported program as an ``onnx.ModelProto``."""
    import_library("onnxscript")
    with own_modes(gradients=False), torch.no_grad():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=[input_name],
            output_names=output_names,
            verbose=False,
        )
    return _without_notes(exported.model_proto)


def _without_notes(model):
    """Return a model without what the exporter notes about itself: paths of files, and names."""
    graph = model.graph
    values = [*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for part in [*values, graph]:
        del part.metadata_props[:]
    del graph.value_info[:]
    for node in graph.node:
        _count_no_padding(node)
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    return model


def _count_no_padding(node):
    """Let an average pool without padding say that it counts none.

    It is the same, but ONNX Runtime's integer kernel counts what lies outside of an odd side (seen
    with 1.32).
    """
    if node.op_type != "AveragePool":
        return
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if "count_include_pad" in attributes and not any(attributes["pads"].ints):
        attributes["count_include_pad"].i = 0


def with_labels(model, codes_name, label_name, labels):
    """Return a model that looks the labels up of which it gives the numbers.

    Parameters
    ----------
    model : onnx.ModelProto
    codes_name, label_name : str
        The output that is replaced, and the new one.
    labels : ndarray of shape (k,)
        Of a type that ONNX has; see ``labels_for_onnx``.
    """
    onnx = import_library("onnx")
    graph = model.graph
    graph.initializer.append(onnx.numpy_helper.from_array(labels, "labels"))
    graph.node.append(onnx.helper.make_node("Gather", ["labels", codes_name], [label_name]))
    place = [output.name for output in graph.output].index(codes_name)
    dtype = graph.initializer[-1].data_type
    graph.output[place].CopyFrom(onnx.helper.make_tensor_value_info(label_name, dtype, [BATCH]))
    return model
