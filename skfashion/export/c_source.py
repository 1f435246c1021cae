"""The text of a header and a source in C99, made of a plan."""

import hashlib
from dataclasses import dataclass

from skfashion.export import c_kernels as kernels
from skfashion.export.c_memory import arrange
from skfashion.export.c_text import array, number, remark, text

# Bytes of an int32, a float, and a pointer, where memory is short.
WORD = 4

HEADER = """\
/* {about}
 *
 * Compile {name}.c as C99, without -ffast-math, and link the mathematical library (-lm).
 */
#ifndef {NAME}_H
#define {NAME}_H

#include <stdint.h>

/* An image: channel after channel, row after row, a byte for each pixel.
 * {pixels}
 */
#define {NAME}_CHANNELS {channels}
#define {NAME}_HEIGHT {height}
#define {NAME}_WIDTH {width}
#define {NAME}_IMAGE_BYTES {n_pixels}
#define {NAME}_CLASSES {n_classes}

/* Static memory that {name}.c takes, and its constants, both in bytes and without code. */
#define {NAME}_RAM_BYTES {ram_bytes}
#define {NAME}_FLASH_BYTES {flash_bytes}

/* What the two files have in common. */
#define {NAME}_DIGEST 0x{digest}

#ifdef __cplusplus
extern "C" {{
#endif

/* Names of the classes, in UTF-8. */
extern const char *const {name}_labels[{NAME}_CLASSES];

/* Return the number of the most probable class, from 0 on. `probabilities` gets {NAME}_CLASSES
 * numbers, unless it is a null pointer. Not for two threads, or interrupts, at the same time. */
int {name}_predict(const uint8_t *image, float *probabilities);

#ifdef __cplusplus
}}
#endif

#endif
"""

SOURCE = """\
/* {about} */
#include "{name}.h"

#include <math.h>

#if {NAME}_DIGEST != 0x{digest}
#error "{name}.h and {name}.c are of different nets: take both from one call."
#endif

{constants}
/* What is computed lies here, one thing over another that nobody needs any more. */
static uint8_t arena[{arena_bytes}];
static float logits[{NAME}_CLASSES];

{functions}
int {name}_predict(const uint8_t *image, float *probabilities)
{{
    float total = 0.0f;
    int32_t i, best = 0;
    for (i = 0; i < {n_pixels}; i++) {{
        arena[{first} + i] = pixels[{channel}][image[i]];
    }}
{calls}
{shift}    for (i = 1; i < {NAME}_CLASSES; i++) {{
        if (logits[i] > logits[best]) {{
            best = i;
        }}
    }}
    if (probabilities) {{
        for (i = 0; i < {NAME}_CLASSES; i++) {{
            probabilities[i] = expf(logits[i] - logits[best]);
            total += probabilities[i];
        }}
        for (i = 0; i < {NAME}_CLASSES; i++) {{
            probabilities[i] /= total;
        }}
    }}
    return (int)best;
}}
"""

# How log-odds are shifted to another prior.
SHIFT = """\
    for (i = 0; i < {NAME}_CLASSES; i++) {{
        logits[i] += shift[i];
    }}
"""


@dataclass(frozen=True)
class Sources:
    """Two files, and what they take.

    Attributes
    ----------
    header, source : str
    flash_bytes, ram_bytes : int
    """

    header: str
    source: str
    flash_bytes: int
    ram_bytes: int


def write_sources(plan, name):
    """Return the :class:`Sources` of a plan; `name` begins all that is public in them."""
    offsets, arena_bytes = arrange(plan)
    constants, flash_bytes = _constants(plan, name)
    ram_bytes = arena_bytes + WORD * len(plan.labels)
    layers = [*plan.layers, plan.last]
    channels, height, width = plan.shape if len(plan.shape) == 3 else (1, 1, *plan.shape)
    fields = {
        "name": name,
        "NAME": name.upper(),
        "about": _about(plan),
        "pixels": _pixels(plan),
        "channels": channels,
        "height": height,
        "width": width,
        "n_pixels": plan.input.size,
        "n_classes": len(plan.labels),
        "arena_bytes": arena_bytes,
        "ram_bytes": ram_bytes,
        "flash_bytes": flash_bytes,
        "constants": constants,
        "functions": _functions({layer.kind for layer in layers}),
        "calls": "\n".join(_call(i, layer, offsets) for i, layer in enumerate(layers)),
        "shift": "" if plan.shift is None else SHIFT.format(NAME=name.upper()),
        "first": offsets[plan.input],
        "channel": f"i / {height * width}" if len(plan.table) > 1 else "0",
    }
    content = repr(sorted(fields.items())).encode()
    fields["digest"] = hashlib.sha256(content).hexdigest()[:8]
    return Sources(HEADER.format(**fields), SOURCE.format(**fields), flash_bytes, ram_bytes)


def _about(plan):
    """Return what a comment says of a net."""
    versions = plan.described["versions"]
    made = ", ".join(f"{remark(key)} {remark(value)}" for key, value in versions.items())
    return (
        f"A fitted {remark(plan.described['class'])} with weights of 8 bits, written by\n"
        f" * skfashion.export.to_c, trained with {made}."
    )


def _pixels(plan):
    """Return what a comment says of the values of an image."""
    said = "A byte is the pixel's value."
    if plan.input_scale != 1:
        said = (
            f"A byte times {plan.input_scale:.9g} is the pixel's value. The table does that: pass\n"
            " * bytes as they are."
        )
    if plan.value_range is None:
        return said
    low, high = plan.value_range
    return f"{said}\n * Values of the training lay between {low:g} and {high:g}."


def _constants(plan, name):
    """Return the definitions of all that is constant, and its number of bytes."""
    rows = ",\n".join(f"    {{{', '.join(map(str, row))}}}" for row in plan.table)
    parts = [
        f"const char *const {name}_labels[{name.upper()}_CLASSES] = {{\n    "
        + ",\n    ".join(map(text, plan.labels))
        + "\n};\n",
        "/* What becomes of a pixel, by channel and value. */\n"
        f"static const uint8_t pixels[{len(plan.table)}][256] = {{\n{rows}\n}};\n",
    ]
    n_bytes = plan.table.size + sum(len(label.encode()) + 1 + WORD for label in plan.labels)
    if plan.shift is not None:
        parts.append(array("shift", plan.shift))
        n_bytes += plan.shift.nbytes
    layers = [*plan.layers, plan.last]
    parts += [_struct(kind) for kind in dict.fromkeys(layer.kind for layer in layers)]
    for i, layer in enumerate(layers):
        parts += [array(f"{key}_{i}", values) for key, values in layer.constants.items()]
        parts.append(_layer(i, layer))
        n_bytes += sum(values.nbytes for values in layer.constants.values())
        n_bytes += WORD * (len(layer.settings) + len(layer.constants))
    return "\n".join(parts), n_bytes


def _struct(kind):
    """Return the definition of what describes a layer of some kind."""
    integers, floats, arrays = kernels.FIELDS[kind]
    lines = [f"    int32_t {field};" for field in integers.split()]
    lines += [f"    float {field};" for field in floats.split()]
    lines += [f"    const {ctype} *{field};" for field, ctype in arrays.items()]
    return f"struct {kind} {{\n" + "\n".join(lines) + "\n};\n"


def _layer(i, layer):
    """Return the definition of a layer's description."""
    lines = [f"    .{key} = {number(value)}" for key, value in layer.settings.items()]
    lines += [f"    .{key} = {key}_{i}" for key in layer.constants]
    shapes = " and ".join("x".join(map(str, value.shape)) for value in layer.inputs)
    shape = "x".join(map(str, layer.output.shape))
    return (
        f"/* {shapes} to {shape} */\n"
        f"static const struct {layer.kind} layer_{i} = {{\n" + ",\n".join(lines) + "\n};\n"
    )


def _functions(kinds):
    """Return the functions that some kinds of layers need."""
    parts = [f for needed, f in kernels.HELPERS if kinds.intersection(needed)]
    return "\n".join(parts + [f for kind, f in kernels.FUNCTIONS.items() if kind in kinds])


def _call(i, layer, offsets):
    """Return the call that computes a layer."""
    places = [f"arena + {offsets[value]}" for value in layer.inputs]
    output = layer.output
    places.append(f"arena + {offsets[output]}" if output in offsets else "logits")
    return f"    {layer.kind}(&layer_{i}, {', '.join(places)});"
