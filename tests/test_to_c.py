"""Nets in C: compiled, run, and compared with ONNX Runtime's answers to the same file."""

import errno
import json
import os
import re
import shutil
import subprocess
from functools import cache

import numpy as np
import pytest
from pages import ROOT, blocks
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import AttentionNetClassifier, ConvNetClassifier, MLPNetClassifier, ResNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.export import quantize, to_c, to_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed, and there is no file to read.")
runtime = pytest.importorskip(
    "onnxruntime", reason="onnxruntime is not installed, and there is nothing to compare with."
)
helper, numpy_helper, proto = onnx.helper, onnx.numpy_helper, onnx.TensorProto

COMPILER = next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)
needs_compiler = pytest.mark.skipif(
    COMPILER is None, reason="No C compiler was found on this machine, and nothing can be compiled."
)
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"]
STRICT += ["-Wconversion", "-Wdouble-promotion", "-Wshadow"]
# Reads images and writes, of each, the number of its label, the probabilities, and the label again
# as it is found without them.
MAIN = """\
#include <stdio.h>
#include "{name}.h"
int main(void)
{{
    static uint8_t image[{NAME}_IMAGE_BYTES];
    static float probabilities[{NAME}_CLASSES];
    while (fread(image, sizeof image, 1, stdin) == 1) {{
        int label = {name}_predict(image, probabilities);
        fwrite(&label, sizeof label, 1, stdout);
        fwrite(probabilities, sizeof probabilities, 1, stdout);
        label = {name}_predict(image, NULL);
        fwrite(&label, sizeof label, 1, stdout);
    }}
    return 0;
}}
"""
# Writes the names of all labels.
NAMES = """\
#include <stdio.h>
#include "skfashion.h"
int main(void)
{
    int i;
    for (i = 0; i < SKFASHION_CLASSES; i++) {
        puts(skfashion_labels[i]);
    }
    return 0;
}
"""


def compiled(folder, main, *options, name="skfashion"):
    """Return the path of a program of generated files and a main function."""
    (folder / "main.c").write_text(main)
    files = [folder / f"{name}.c", folder / "main.c", "-o", folder / "program", "-lm"]
    subprocess.run([COMPILER, *STRICT, *options, *files], check=True, capture_output=True)
    return folder / "program"


def answers_in_c(folder, images, *options, name="skfashion"):
    """Return the labels' numbers, and the probabilities, of images."""
    program = compiled(folder, MAIN.format(name=name, NAME=name.upper()), *options, name=name)
    ran = subprocess.run([program], input=images.tobytes(), capture_output=True, check=True)
    assert not ran.stderr
    words = np.frombuffer(ran.stdout, np.int32).reshape(len(images), -1)
    np.testing.assert_array_equal(words[:, 0], words[:, -1])
    return words[:, 0], words[:, 1:-1].copy().view(np.float32)


def answers_of_runtime(path, images):
    """Return what ONNX Runtime says of images."""
    options = runtime.SessionOptions()
    # Where a processor has no instruction for it, sums of 8-bit products are exact all the same.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {session.get_inputs()[0].name: images})


def check_same(path, folder, images, *options):
    """Check that C and ONNX Runtime give the same labels, but for a few near ties."""
    report = to_c(path, folder)
    numbers, probabilities = answers_in_c(folder, images, *options)
    labels, wanted = answers_of_runtime(path, images)
    values = json.loads(metadata_of(onnx.load(path))["skfashion.labels"])["values"]
    is_other = np.asarray(values, dtype=labels.dtype)[numbers] != labels
    highest = np.sort(wanted, axis=1)
    assert is_other.mean() <= 0.002
    assert (highest[is_other, -1] - highest[is_other, -2] < 0.05).all()
    # ONNX Runtime's sums of two activations are rounded once or twice, as the processor has it: now
    # and then an integer is the neighbouring one, and what is made of it.
    difference = np.abs(probabilities - wanted).max(axis=1)
    assert (difference > 1e-5).mean() <= 0.1
    assert difference.max() <= 0.02
    return report


def metadata_of(model):
    return {entry.key: entry.value for entry in model.metadata_props}


# --- nets ----------------------------------------------------------------------------------------


@cache
def clothes():
    """6,000 images, and names of their classes that are hard to write in C."""
    bunch = load_fashion_sample()
    names = np.asarray(bunch.target_names, dtype=object)
    names[:4] = ['T-shirt/top "large"', "what??/", "Pullover\\n\n\t7", "Kleid ä 衣服 %s"]
    return bunch.data, names.astype(str)[bunch.target]


def small_conv(**params):
    return ConvNetClassifier(
        **{"channels": (4, 6), "hidden_layer_sizes": (12,), "max_epochs": 2, "random_state": 0}
        | {"n_threads": 1, "device": "cpu"}
        | params
    )


def small_resnet(**params):
    return ResNetClassifier(
        **{"width": 4, "depth": (1, 1, 1), "max_epochs": 2, "random_state": 0, "n_threads": 1}
        | {"device": "cpu"}
        | params
    )


def quantized(folder, net, X, y, n_rows=1000, **options):
    """Return the path of the int8 file of a net, fitted on some rows."""
    path = folder / "net.onnx"
    quantize(net.fit(X[:n_rows], y[:n_rows]), path, X[:200], method="static", **options)
    return path


def as_images(X):
    return np.ascontiguousarray(X.reshape(-1, 1, 28, 28))


@pytest.fixture(scope="module")
def conv_file(tmp_path_factory):
    """The int8 file of a small convolutional net with names and a prior of its own."""
    X, y = clothes()
    net = small_conv(prior=[0.55, *[0.05] * 9])
    return quantized(tmp_path_factory.mktemp("conv"), net, X, y)


@needs_compiler
def test_labels_are_those_of_onnx_runtime(conv_file, tmp_path):
    X, _ = clothes()
    report = check_same(conv_file, tmp_path, as_images(X[-100:]))
    n_weights = 4 * 9 + 6 * 4 * 9 + 12 * 6 * 49 + 10 * 12
    assert report.n_weights == n_weights
    assert n_weights < report.flash_bytes < n_weights + 1500
    # The image and what the first convolution makes of it are needed together.
    assert report.ram_bytes == 784 * 5 + 4 * 10
    products = 4 * 9 * 784 + 6 * 4 * 9 * 196 + 12 * 6 * 49 + 10 * 12
    assert report.n_multiply_accumulates == products
    assert re.search(
        rf"flash_bytes={report.flash_bytes}.*ram_bytes={report.ram_bytes}", str(report)
    )


@needs_compiler
def test_memory_is_read_and_written_where_it_may_be(conv_file, tmp_path):
    X, _ = clothes()
    check_same(conv_file, tmp_path, as_images(X[-100:]), "-fsanitize=address,undefined", "-g")


@needs_compiler
def test_sizes_are_those_of_the_compiled_file(conv_file, tmp_path):
    size = shutil.which("size")
    if size is None:
        pytest.skip("The program size is not installed, and an object file cannot be measured.")
    report = to_c(conv_file, tmp_path)
    paths = [tmp_path / "skfashion.c", "-o", tmp_path / "net.o"]
    subprocess.run([COMPILER, *STRICT, "-O0", "-fdata-sections", "-c", *paths], check=True)
    lines = subprocess.run([size, "-A", tmp_path / "net.o"], capture_output=True, text=True).stdout
    found = dict.fromkeys(["bss", "rodata", "data"], 0)
    for section, n_bytes in re.findall(r"^\.(\w+)\S*\s+(\d+)", lines, re.MULTILINE):
        found[section] = found.get(section, 0) + int(n_bytes)
    assert found["bss"] == report.ram_bytes
    # Where pointers have 64 bits: of 10 labels, and of three arrays of each of four layers.
    longer = 4 * (10 + 3 * 4) if np.dtype(np.intp).itemsize == 8 else 0
    n_bytes = found["rodata"] + found["data"] - longer
    # The functions have a few constants.
    assert report.flash_bytes <= n_bytes < report.flash_bytes + 10
    header = (tmp_path / "skfashion.h").read_text()
    assert f"SKFASHION_RAM_BYTES {report.ram_bytes}\n" in header
    assert f"SKFASHION_FLASH_BYTES {report.flash_bytes}\n" in header


@needs_compiler
def test_names_of_classes_are_texts_of_c(conv_file, tmp_path):
    to_c(conv_file, tmp_path)
    ran = subprocess.run([compiled(tmp_path, NAMES)], capture_output=True, check=True)
    _, y = clothes()
    assert ran.stdout.decode() == "".join(f"{name}\n" for name in np.unique(y))


@needs_compiler
def test_two_nets_are_used_side_by_side(conv_file, tmp_path):
    X, _ = clothes()
    images = as_images(X[-20:])
    to_c(conv_file, tmp_path)
    to_c(conv_file, tmp_path, name="Other2")
    first, second = (answers_in_c(tmp_path, images, name=n)[1] for n in ("skfashion", "Other2"))
    np.testing.assert_array_equal(first, second)
    both = '#include "skfashion.h"\n#include "Other2.h"\nint main(void)\n{\n    return 0;\n}\n'
    compiled(tmp_path, both, str(tmp_path / "Other2.c"))


@needs_compiler
def test_the_page_compiles(conv_file, tmp_path):
    to_c(conv_file, tmp_path, name="clothes")
    ((_, code),) = blocks(ROOT / "docs" / "export_c.md", "c")
    main = "\nint main(void)\n{\n    return *name_of_what_is_seen() == 0;\n}\n"
    program = compiled(tmp_path, code + main, name="clothes")
    subprocess.run([program], check=True)


NETS = {
    "dense": lambda: MLPNetClassifier(
        hidden_layer_sizes=(32, 16), max_epochs=3, random_state=0, n_threads=1
    ),
    "convolutional": lambda: small_conv(max_epochs=3),
    "without hidden layers": lambda: small_conv(hidden_layer_sizes=(), depth=2),
    "filters of 4 pixels": lambda: small_conv(kernel_size=4, batch_norm=False),
    # 28, 14, 7 and 4 pixels: the last window of a mean lies half outside.
    "residual": lambda: small_resnet(width=8, max_epochs=3),
    "residual, stride 1": lambda: small_resnet(stem_stride=1, depth=(1, 2)),
    "norm first": lambda: small_resnet(block="preact", depth=(1, 1)),
    "a stem with strides": lambda: small_resnet(stem_pool=False, depth=(1, 1)),
}


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", NETS)
def test_every_kind_of_net(kind, tmp_path):
    X, y = clothes()
    path = quantized(tmp_path, NETS[kind](), X, y, n_rows=2000)
    check_same(path, tmp_path / "c", as_images(X[-2000:]))


@needs_compiler
def test_images_of_colour(tmp_path):
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 300)
    X = random.integers(0, 200, (300, 3, 6, 7), dtype=np.uint8)
    X[y == 1, 2] += 50
    X[:, 0] //= 4
    net = small_conv(channels=(4,), hidden_layer_sizes=()).fit(X, y)
    path = tmp_path / "net.onnx"
    quantize(net, path, X[:100], method="static")
    check_same(path, tmp_path, X)
    header = (tmp_path / "skfashion.h").read_text()
    assert "SKFASHION_CHANNELS 3\n#define SKFASHION_HEIGHT 6\n#define SKFASHION_WIDTH 7" in header


@needs_compiler
def test_activations_beside_the_probabilities_are_left_out(tmp_path):
    """A file with features is one like any other."""
    X, y = clothes()
    net = small_conv(channels=(2,), hidden_layer_sizes=()).fit(X[:300], y[:300])
    to_onnx(net, tmp_path / "float.onnx", X[:10], features=True)
    quantize(tmp_path / "float.onnx", tmp_path / "net.onnx", X[:100], method="static")
    check_same(tmp_path / "net.onnx", tmp_path, as_images(X[-100:]))


@needs_compiler
def test_a_net_of_pixels_from_0_to_1_takes_bytes(tmp_path):
    X, y = clothes()
    net = small_conv(channels=(2,), hidden_layer_sizes=()).fit(X[:300] / 255, y[:300])
    path = tmp_path / "net.onnx"
    quantize(net, path, X[:100] / 255, method="static")
    said = r"float32, of a net that was fitted on values from 0 to 1; .*input_scale=1 / 255"
    with pytest.raises(ValueError, match=said):
        to_c(path, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    report = to_c(path, tmp_path, input_scale=1 / 255)
    assert report.input_scale == 1 / 255
    numbers, probabilities = answers_in_c(tmp_path, as_images(X[-100:]))
    _, wanted = answers_of_runtime(path, as_images(X[-100:] / 255).astype(np.float32))
    np.testing.assert_allclose(probabilities, wanted, atol=1e-5)
    assert np.mean(net.classes_[numbers] == net.predict(X[-100:] / 255)) >= 0.97
    header = (tmp_path / "skfashion.h").read_text()
    assert "A byte times 0.00392156863 is the pixel's value." in header
    assert "Values of the training lay between 0 and 1." in header
    for scale in (0, -1, "1/255"):
        with pytest.raises(ValueError, match="'input_scale' parameter"):
            to_c(path, tmp_path / "c", input_scale=scale)


def test_pixels_below_0_are_no_bytes(tmp_path):
    X, y = clothes()
    rows = X[:100] / 127.5 - 1
    net = small_conv(channels=(2,), hidden_layer_sizes=()).fit(rows, y[:100])
    quantize(net, tmp_path / "net.onnx", rows, method="static")
    with pytest.raises(ValueError, match="cannot be given as bytes.*from -1 to 1; expected uint8"):
        to_c(tmp_path / "net.onnx", tmp_path / "c", input_scale=1 / 127.5)


def test_the_header_says_what_a_byte_is(conv_file, tmp_path):
    assert to_c(conv_file, tmp_path).input_scale == 1
    header = (tmp_path / "skfashion.h").read_text()
    assert (
        "A byte is the pixel's value.\n * Values of the training lay between 0 and 255." in header
    )


# --- layers, one by one ---------------------------------------------------------------------------


def graph_file(folder, nodes, arrays, *, shape=(4, 6, 5), out=3, dtype=proto.UINT8):
    """Return the path of a static int8 file of nodes from "x" to "y", a dense layer behind them."""
    random = np.random.default_rng(0)
    arrays = {name: np.asarray(values) for name, values in arrays.items()}
    first = [helper.make_node("Cast", ["X"], ["real"], to=proto.FLOAT)]
    first += [helper.make_node("Div", ["real", "deviation"], ["x"])]
    last = [helper.make_node("Flatten", ["y"], ["flat"])]
    last += [helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], transB=1)]
    last += [helper.make_node("ArgMax", ["logits"], ["codes"], axis=1, keepdims=0)]
    last += [helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)]
    last += [helper.make_node("Gather", ["labels", "codes"], ["label"])]
    nodes = [*first, *nodes, *last]
    images = random.integers(0, 256, (100, *shape), dtype=np.uint8)
    arrays |= {"deviation": np.float32(100), "labels": np.arange(out)}
    arrays |= {"b": np.zeros(out, np.float32), "w": np.zeros((out, 1), np.float32)}
    size = size_of(nodes[:-4], arrays, shape, dtype)
    arrays["w"] = random.standard_normal((out, size)).astype(np.float32)
    model = model_of(nodes, arrays, shape, dtype, ["label", "probabilities"])
    described = {"format": 1, "class": "ConvNetClassifier", "versions": {"numpy": "2"}}
    described |= {"labels": {"dtype": "int64", "values": list(range(out))}}
    for name, value in described.items():
        model.metadata_props.add(key=f"skfashion.{name}", value=json.dumps(value))
    before, after = folder / "float.onnx", folder / "net.onnx"
    onnx.save(model, before)
    quantize(before, after, images, method="static")
    return after, images


def model_of(nodes, arrays, shape, dtype, outputs):
    values = [helper.make_tensor_value_info("X", dtype, ["batch", *shape])]
    kinds = {"label": (proto.INT64, ["batch"])}
    results = [
        helper.make_tensor_value_info(n, *kinds.get(n, (proto.FLOAT, None))) for n in outputs
    ]
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "net", values, results, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def size_of(nodes, arrays, shape, dtype):
    """Return the number of values of an image that nodes give."""
    model = model_of(nodes, arrays, shape, dtype, ["flat"]).SerializeToString()
    image = np.zeros((1, *shape), helper.tensor_dtype_to_np_dtype(dtype))
    return runtime.InferenceSession(model).run(None, {"X": image})[0].size


def normal(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def node(kind, inputs="x", output="y", **attributes):
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def conv(n_out=4, n_in=4, kernel=(3, 3), **attributes):
    nodes = [node("Conv", "x w1 b1", "y", kernel_shape=kernel, **attributes)]
    return nodes, {"w1": normal(n_out, n_in, *kernel), "b1": normal(n_out)}


def behind_conv(*nodes, **arrays):
    """Return nodes behind a convolution from "x" to "h"."""
    first, weights = conv(pads=[1, 1, 1, 1])
    first[0].output[0] = "h"
    return [*first, *nodes], weights | arrays


LAYERS = {
    "depthwise": lambda: conv(4, 1, group=4, pads=[1, 1, 1, 1]),
    "in groups": lambda: conv(6, 2, group=2, strides=[2, 1]),
    "uneven": lambda: conv(3, 4, (2, 3), strides=[1, 2], pads=[1, 0, 0, 2]),
    "without bias": lambda: ([node("Conv", "x w1")], {"w1": normal(2, 4, 1, 1)}),
    "max-pool with padding": lambda: behind_conv(
        node("MaxPool", "h", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    ),
    # Its output is as large as what it reads, and lies behind what later windows read.
    "max-pool with padding, step 1": lambda: behind_conv(
        node("MaxPool", "h", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    ),
    "max-pool that overlaps": lambda: behind_conv(
        node("MaxPool", "h", kernel_shape=[3, 2], strides=[1, 1])
    ),
    "mean of windows": lambda: behind_conv(
        node("AveragePool", "h", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    ),
    "mean of channels": lambda: behind_conv(node("GlobalAveragePool", "h")),
    "sum of what is needed later": lambda: behind_conv(
        node("Conv", "h w2", "i", pads=[1, 1, 1, 1]),
        node("Relu", "i", "j"),
        node("Add", "h j", "k"),
        node("Add", "k i"),
        w2=normal(4, 4, 3, 3),
    ),
    "sum with itself": lambda: behind_conv(node("Add", "h h")),
    "batch norm": lambda: behind_conv(
        node("BatchNormalization", "h f s m v", "n"),
        node("Relu", "n"),
        **{name: normal(4) for name in "fsm"},
        v=np.abs(normal(4)) + 1,
    ),
    "product": lambda: (
        [node("Flatten", "x", "f"), node("MatMul", "f w1")],
        {"w1": normal(120, 6)},
    ),
}


@needs_compiler
@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer(kind, tmp_path):
    path, images = graph_file(tmp_path, *LAYERS[kind]())
    check_same(path, tmp_path, images, "-fsanitize=address,undefined")


@needs_compiler
def test_what_a_file_says_of_itself_is_no_code(conv_file, tmp_path):
    model = onnx.load(conv_file)
    for entry in model.metadata_props:
        if entry.key == "skfashion.class":
            entry.value = json.dumps("*/ int evil(void); /* \\")
        if entry.key == "skfashion.versions":
            entry.value = json.dumps({"a\n#error": "*/ b ??/"})
    onnx.save(model, tmp_path / "evil.onnx")
    to_c(tmp_path / "evil.onnx", tmp_path)
    compiled(tmp_path, MAIN.format(name="skfashion", NAME="SKFASHION"))


# --- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "Sigmoid": lambda: behind_conv(node("Sigmoid", "h")),
    "Transpose": lambda: behind_conv(node("Transpose", "h", perm=[0, 2, 3, 1])),
    "AveragePool": lambda: behind_conv(
        node("AveragePool", "h", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    ),
    "Conv": lambda: conv(dilations=[2, 2]),
    "Mul": lambda: behind_conv(node("Mul", "h h")),
}


def test_a_parameter_that_has_no_c_is_named(tmp_path):
    X, y = clothes()
    net = MLPNetClassifier(
        hidden_layer_sizes=(4,), max_epochs=1, n_threads=1, random_state=0, tta="flip"
    )
    path = quantized(tmp_path, net, X, y, n_rows=100)
    with pytest.raises(ValueError, match=r"several views of an image \(tta\), the operator"):
        to_c(path, tmp_path / "c")


@pytest.mark.parametrize("kind", REFUSED)
def test_other_operators_are_refused_by_name(kind, tmp_path):
    path, _ = graph_file(tmp_path, *REFUSED[kind]())
    with pytest.raises(ValueError, match=rf"the operator {kind} \(node .*ONNX Runtime"):
        to_c(path, tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "parameter"),
    [
        (small_conv(tta="flip"), r"several views of an image \(tta\), the operator Gather"),
        (small_conv(activation="tanh"), "activation='tanh', the operator Tanh"),
        (small_conv(activation="elu"), "activation='elu', the operator Elu"),
        (small_conv(activation="gelu"), "activation='gelu', the operator Gelu"),
        (small_conv(activation="leaky_relu"), "activation='leaky_relu', the operator"),
        (small_conv(activation="silu"), "activation='logistic' or 'silu', or squeeze"),
        (small_conv(loss="ldam"), r"a head of cosines \(loss='ldam'\), the operator ReduceL2"),
        (small_resnet(block="depthwise"), r"\(block='depthwise'\), the operator Sigmoid"),
        (
            AttentionNetClassifier(width=8, depth=1, n_heads=2, max_epochs=1),
            r"attention layers \(AttentionNetClassifier\), the operator LayerNormalization",
        ),
        (
            make_pipeline(StandardScaler(), small_conv()),
            r"a step of a pipeline beside the net, the operator ai\.onnx\.ml\.Scaler",
        ),
    ],
    ids=["tta", *"tanh elu gelu leaky_relu silu ldam depthwise attention pipeline".split()],
)
def test_nets_that_are_not_plain_are_refused(net, parameter, tmp_path):
    X, y = clothes()
    path = quantized(tmp_path, net, X, y, n_rows=100)
    with pytest.raises(ValueError, match=f"{parameter}.*use other parameters"):
        to_c(path, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_dynamic_files_are_sent_to_the_static_method(tmp_path):
    X, y = clothes()
    net = MLPNetClassifier(hidden_layer_sizes=(4,), max_epochs=1, n_threads=1)
    quantize(net.fit(X[:100], y[:100]), tmp_path / "net.onnx", X[:100], method="dynamic")
    with pytest.raises(ValueError, match=r'DynamicQuantizeLinear.*method="static"'):
        to_c(tmp_path / "net.onnx", tmp_path / "c")
    quantize(net, tmp_path / "static.onnx", X[:100], method="static")
    to_c(tmp_path / "static.onnx", tmp_path / "c")


def test_columns_with_means_of_their_own_are_refused(tmp_path):
    X = np.random.default_rng(0).integers(0, 9, (60, 7), dtype=np.uint8)
    net = MLPNetClassifier(hidden_layer_sizes=(4,), max_epochs=1, n_threads=1).fit(X, X[:, 0] > 4)
    quantize(net, tmp_path / "net.onnx", X, method="static")
    with pytest.raises(ValueError, match="the operator Sub .*columns have numbers of their own"):
        to_c(tmp_path / "net.onnx", tmp_path / "c")


def test_other_files_are_refused(tmp_path):
    graph_file(tmp_path, *conv())
    folder = tmp_path / "c"
    with pytest.raises(ValueError, match="whose weights are no integers"):
        to_c(tmp_path / "float.onnx", folder)
    path, _ = graph_file(tmp_path, *conv(), dtype=proto.FLOAT)
    with pytest.raises(ValueError, match="'X' is float32; expected uint8 images, or input_scale"):
        to_c(path, folder)
    path, _ = graph_file(tmp_path, *conv())
    with pytest.raises(ValueError, match="Got input_scale=0.5, expected none for .* takes bytes"):
        to_c(path, folder, input_scale=0.5)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match="no ONNX file that runs"):
        to_c(tmp_path / "text.onnx", folder)
    with pytest.raises(FileNotFoundError):
        to_c(tmp_path / "missing.onnx", folder)
    assert not folder.exists()


def changed(path, folder, change):
    """Return the path of a copy of a file in which something is changed."""
    model = onnx.load(path)
    change(model)
    onnx.save(model, folder / "changed.onnx")
    return folder / "changed.onnx"


def cut_label(model):
    for entry in model.metadata_props:
        entry.value = entry.value.replace("Pullover", "\\u0000")


def other_labels(model):
    for entry in model.metadata_props:
        if entry.key == "skfashion.labels":
            entry.value = json.dumps({"dtype": "int64", "values": [1, 2, 3]})


def scale_of_0(model):
    for tensor in model.graph.initializer:
        if tensor.name == "conv2d_scale":
            tensor.CopyFrom(numpy_helper.from_array(np.float32(0), tensor.name))


def large_bias(model):
    for tensor in model.graph.initializer:
        if tensor.name.endswith("bias_quantized"):
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, 2**31 - 1), tensor.name))


def other_zero(model):
    for tensor in model.graph.initializer:
        if tensor.name.endswith("weight_zero_point"):
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.ones_like(values), tensor.name))


def other_axis(model):
    for step in model.graph.node:
        if step.op_type == "Softmax":
            step.attribute[0].i = 0


def other_logits(model):
    """Let the label come of logits that are shifted by themselves."""
    steps = [type(step).FromString(step.SerializeToString()) for step in model.graph.node]
    (last,) = (step for step in steps if step.op_type == "ArgMax")
    (shift,) = (step for step in steps if last.input[0] in step.output)
    again = helper.make_node("Add", shift.input, ["again"], "again")
    last.input[0] = "again"
    place = steps.index(last)
    del model.graph.node[:]
    model.graph.node.extend([*steps[:place], again, *steps[place:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut_label, "without NUL"),
        (other_axis, "not stand behind a dense layer"),
        (other_logits, "come from different logits"),
        (other_labels, "3 labels and 10 logits"),
        (scale_of_0, "a scale of 0"),
        (large_bias, "more than 32 bits"),
        (other_zero, "zero point of 0"),
    ],
)
def test_what_c_could_not_hold_is_refused(conv_file, change, message, tmp_path):
    path = changed(conv_file, tmp_path, change)
    with pytest.raises(ValueError, match=message):
        to_c(path, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_relu_that_would_need_a_limit_of_its_own_is_refused(tmp_path):
    path, _ = graph_file(tmp_path, *LAYERS["sum of what is needed later"]())
    model = onnx.load(path)
    (zero,) = (t for t in model.graph.initializer if t.name == "j_zero_point")
    zero.CopyFrom(numpy_helper.from_array(np.uint8(3), zero.name))
    onnx.save(model, path)
    with pytest.raises(ValueError, match="zero point is not 0 behind a ReLU"):
        to_c(path, tmp_path / "c")


@pytest.mark.parametrize("name", ["", "2nd", "my-net", "_net", "net.h", "a b", "ä", "math", "x\n"])
def test_names_are_those_of_c(conv_file, name, tmp_path):
    with pytest.raises(ValueError, match="expected letters, digits and underscores"):
        to_c(conv_file, tmp_path / "c", name=name)
    assert not (tmp_path / "c").exists()


@needs_compiler
def test_files_of_two_nets_do_not_compile(conv_file, tmp_path, monkeypatch):
    """Where the disk is full before the second file, the first one is of another net."""
    path, _ = graph_file(tmp_path, *conv())
    to_c(path, tmp_path)
    before = (tmp_path / "skfashion.h").read_text()
    sync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:  # of the first file, and of its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space.*skfashion\.h"):
        to_c(conv_file, tmp_path)
    assert (tmp_path / "skfashion.h").read_text() == before
    assert not list(tmp_path.glob(".skfashion*"))
    main = MAIN.format(name="skfashion", NAME="SKFASHION")
    with pytest.raises(subprocess.CalledProcessError) as error:
        compiled(tmp_path, main)
    assert b"of different nets" in error.value.stderr
    monkeypatch.undo()
    to_c(conv_file, tmp_path)
    compiled(tmp_path, main)
