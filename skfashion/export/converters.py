"""How skl2onnx converts the nets of this package, and calibrated classifiers."""

import numpy as np
from sklearn.calibration import CalibratedClassifierCV

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.deployed import DeployedNet
from skfashion.export.graphs import OPSET, as_onnx, exported_program
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library

# How names of nodes begin that are those of a net.
NET = "Net"
# Stands for an input that a node is not given, where skl2onnx would look for one without a name.
ABSENT = "absent/input"
# Options of skl2onnx's: those that it gives a classifier wherever it meets one.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


def register(classes):
    """Let skl2onnx convert classifiers of this package, wherever it meets them.

    Parameters
    ----------
    classes : iterable of type
        Subclasses of ImageClassifier.
    """
    skl2onnx = import_library("skl2onnx")
    shapes = import_library("skl2onnx.common.shape_calculator")
    for cls in classes:
        skl2onnx.update_registered_converter(
            cls,
            # A class of the user's may have the name of one of ours.
            f"{cls.__module__}_{cls.__qualname__}".replace(".", "_"),
            shapes.calculate_linear_classifier_output_shapes,
            convert_net,
            options=OPTIONS,
        )


def convert_net(scope, operator, container):
    """Add the graph of a fitted net to skl2onnx's; rows come in.

    With the option ``raw_scores`` logits go out, for two classes those of both: minus the log-odds
    of the second one, and these, as skl2onnx has them of linear classifiers.
    """
    net = operator.raw_operator
    raw_scores = container.get_options(net, {"raw_scores": False})["raw_scores"]
    module = DeployedNet(net, takes_rows=True, raw_scores=raw_scores)
    example = np.zeros((1, net.n_features_in_), np.float32)
    graph = as_onnx(exported_program(module, example), "X", ["codes", "scores"]).graph
    name_of = _Names(scope)
    name_of.known["X"] = operator.inputs[0].full_name
    if any("" in node.input for node in graph.node):
        name_of.known[""] = ABSENT
        if all(tensor.name != ABSENT for tensor in container.initializers):
            container.add_initializer(ABSENT, import_library("onnx").TensorProto.FLOAT, [], [0.0])
    name_of.known["scores"] = operator.outputs[1].full_name
    for tensor in graph.initializer:
        _add_initializer(container, name_of(tensor.name), tensor)
    helper = import_library("onnx").helper
    for node in graph.node:
        container.add_node(
            node.op_type,
            [name_of(name) for name in node.input],
            [name_of(name) for name in node.output],
            op_domain=node.domain,
            name=scope.get_unique_operator_name(NET + node.op_type),
            **{a.name: helper.get_attribute_value(a) for a in node.attribute},
        )
    _add_labels(scope, container, net.classes_, name_of("codes"), operator.outputs[0].full_name)


class _Names(dict):
    """Names that are unique in a graph of skl2onnx's, for those of another graph."""

    def __init__(self, scope):
        self.known, self._scope = {"": ""}, scope

    def __call__(self, name):
        if name not in self.known:
            self.known[name] = self._scope.get_unique_variable_name(name)
        return self.known[name]


def _add_initializer(container, name, tensor):
    """Add a tensor of another graph, an ``onnx.TensorProto``, to one of skl2onnx's."""
    helper = import_library("onnx.numpy_helper")
    values = helper.to_array(tensor)
    container.add_initializer(name, tensor.data_type, None, helper.from_array(values))


def _add_labels(scope, container, classes, codes, label):
    """Add what gives the labels, text or int64, by their numbers."""
    proto, labels = import_library("onnx").TensorProto, labels_for_onnx(classes)
    is_text = labels.dtype.kind == "O"
    values = labels.tolist() if is_text else labels.astype(np.int64)
    name = scope.get_unique_variable_name("labels")
    dtype = proto.STRING if is_text else proto.INT64
    container.add_initializer(name, dtype, [len(labels)], values)
    node = scope.get_unique_operator_name("Labels")
    container.add_node("Gather", [name, codes], [label], name=node)


def convert_calibration(scope, operator, container):
    """Add the graph of a calibrated classifier.

    skl2onnx's own takes the value of the nearest threshold where isotonic regression interpolates,
    and knows neither temperatures nor folds that lack a class.
    """
    model = operator.raw_operator
    graph = _Graph(scope, container)
    folds = [
        _calibrated(graph, fold, _scores(graph, fold, operator.inputs))
        for fold in model.calibrated_classifiers_
    ]
    mean = graph("Div", graph("Sum", *folds), np.float64(len(folds)))
    float32 = import_library("onnx").TensorProto.FLOAT
    graph("Cast", mean, to=float32, output=operator.outputs[1].full_name)
    codes = graph("ArgMax", mean, axis=1, keepdims=0)
    _add_labels(scope, container, model.classes_, codes, operator.outputs[0].full_name)


class _Graph:
    """Adds nodes to a graph of skl2onnx's, by function calls; arrays become its constants."""

    def __init__(self, scope, container):
        self.scope, self.container = scope, container

    def __call__(self, op_type, *inputs, output=None, **attributes):
        """Add a node; return the name of its output."""
        names = [name if isinstance(name, str) else self._constant(name) for name in inputs]
        output = output or self.scope.get_unique_variable_name(op_type.lower())
        name = self.scope.get_unique_operator_name(op_type)
        self.container.add_node(op_type, names, [output], name=name, **attributes)
        return output

    def _constant(self, values):
        tensor = import_library("onnx.numpy_helper").from_array(np.asarray(values))
        name = self.scope.get_unique_variable_name("constant")
        self.container.add_initializer(name, tensor.data_type, None, tensor)
        return name


def _scores(graph, fold, inputs):
    """Add a fold's classifier; return what is calibrated, float64 (n, c), (n, 1) for two classes.

    That is what scikit-learn asks first: ``decision_function``, else ``predict_proba``.
    """
    types = import_library("skl2onnx.common.data_types")
    skl2onnx = import_library("skl2onnx")
    estimator, scope, container = fold.estimator, graph.scope, graph.container
    alias = skl2onnx.get_model_alias(type(estimator))
    inner = scope.declare_local_operator(alias, estimator)
    inner.inputs = inputs
    wanted = {"zipmap": False}
    if hasattr(estimator, "decision_function"):
        wanted["raw_scores"] = True
    for model in [estimator, *_last_steps(estimator)]:
        # Those without probabilities make no dictionaries of them.
        known = {
            k: v for k, v in wanted.items() if k != "zipmap" or container.has_options(model, k)
        }
        for options in (scope, container):
            options.add_options(id(model), known)
    inner.outputs.append(scope.declare_local_variable("label", types.Int64TensorType()))
    scores = scope.declare_local_variable("scores", types.FloatTensorType())
    inner.outputs.append(scores)
    doubles = graph("Cast", scores.full_name, to=import_library("onnx").TensorProto.DOUBLE)
    if len(fold.classes) > 2:
        return doubles
    return graph("Gather", doubles, np.array([-1]), axis=1)


def _last_steps(estimator):
    """Yield the last steps of a pipeline, and of one that is its last step."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
        yield estimator


def _calibrated(graph, fold, scores):
    """Add a fold's calibration of float64 scores (n, c); return probabilities (n, k)."""
    n_classes = len(fold.classes)
    if fold.method == "temperature":
        return _tempered(graph, fold, scores)
    calibrate = _sigmoid if fold.method == "sigmoid" else _interpolated
    calibrated = calibrate(graph, fold.calibrators, scores)
    if n_classes == 2:
        return graph("Concat", graph("Sub", np.float64(1), calibrated), calibrated, axis=1)
    known = fold.estimator.classes_
    if len(known) < n_classes:
        calibrated = graph("MatMul", calibrated, np.eye(n_classes)[known])
    total = graph("ReduceSum", calibrated, np.array([1]), keepdims=1)
    is_none = graph("Equal", total, np.float64(0))
    # Where no class has any probability, all have the same.
    shares = graph("Div", calibrated, graph("Where", is_none, np.float64(1), total))
    return graph("Where", is_none, np.full((1, n_classes), 1 / n_classes), shares)


def _tempered(graph, fold, scores):
    if not hasattr(fold.estimator, "decision_function"):
        if len(fold.classes) == 2:
            scores = graph("Concat", graph("Sub", np.float64(1), scores), scores, axis=1)
        scores = graph("Log", graph("Add", scores, np.float64(1e-12)))
    elif len(fold.classes) == 2:
        scores = graph("Concat", graph("Neg", scores), scores, axis=1)
    beta = np.float64(fold.calibrators[0].beta_)
    return graph("Softmax", graph("Mul", scores, beta), axis=1)


def _sigmoid(graph, calibrators, scores):
    slopes, offsets = (
        np.array([[getattr(c, n) for c in calibrators]], float) for n in ("a_", "b_")
    )
    linear = graph("Add", graph("Mul", scores, slopes), offsets)
    return graph("Sigmoid", graph("Neg", linear))


def _interpolated(graph, calibrators, scores):
    """Add isotonic regressions, one a column: straight lines between thresholds, in float64."""
    parts = [_segments(calibrator) for calibrator in calibrators]
    longest = max(len(x) for x, _, _ in parts)
    # The last threshold again and again fills the rows of a table up.
    x, y, slope = (
        np.stack([np.pad(part[i], (0, longest - len(part[i])), "edge") for part in parts])
        for i in range(3)
    )
    low, high = x[:, 0], x[:, -1]
    clipped = graph("Min", graph("Max", scores, low[None]), high[None])
    reached = graph("LessOrEqual", x[None], graph("Unsqueeze", clipped, np.array([2])))
    counts = graph("Cast", reached, to=import_library("onnx").TensorProto.INT64)
    counts = graph("ReduceSum", counts, np.array([2]), keepdims=0)
    first = np.arange(len(parts)) * longest
    place = graph("Add", counts, (first - 1)[None])
    begin, height, steepness = (graph("Gather", table.ravel(), place) for table in (x, y, slope))
    return graph("Add", height, graph("Mul", graph("Sub", clipped, begin), steepness))


def _segments(calibrator):
    """Return where the segments of an isotonic regression begin, how high, and how steep."""
    x = np.asarray(calibrator.X_thresholds_, dtype=float)
    y = np.asarray(calibrator.y_thresholds_, dtype=float)
    return x, y, np.append(np.diff(y) / np.diff(x), 0.0)


def convert(model, n_features):
    """Return a plain classifier, see ``plain``, as an ``onnx.ModelProto`` with two outputs.

    Raises
    ------
    ValueError
        If skl2onnx cannot convert a part of it.
    """
    skl2onnx = import_library("skl2onnx")
    types = import_library("skl2onnx.common.data_types")
    register(_subclasses(ImageClassifier))
    try:
        converted = skl2onnx.convert_sklearn(
            model,
            initial_types=[("X", types.FloatTensorType([None, n_features]))],
            options={id(model): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": 3},
            custom_conversion_functions={CalibratedClassifierCV: convert_calibration},
        )
    except (AttributeError, KeyError, NameError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"Got a {type(model).__name__} that skl2onnx cannot convert: {error} Expected steps "
            "and estimators that it knows, and nets of this package. Export the net by itself, and "
            "compute the rest where the file runs."
        ) from error
    for node in converted.graph.node:
        node.input[:] = ["" if name == ABSENT else name for name in node.input]
    return converted


def _subclasses(cls):
    """Return all classes below a class, those that have subclasses of a user's included."""
    found = cls.__subclasses__()
    return found + [other for below in found for other in _subclasses(below)]
