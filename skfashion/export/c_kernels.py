"""The functions in C that compute layers; a generated file has those that its net needs.

The arithmetic is ONNX Runtime's for int8, step by step: sums of products in 32 bits, one
multiplication in float for each sum, and rounding half to even.
"""

# The value of a sum within 8 bits. `value` is not NaN: factors are finite.
ROUNDED = """\
/* Rounds half to even, keeps what comes out within 8 bits, and adds the zero point. */
static uint8_t rounded(float value, int32_t zero_point)
{
    const float low = (float)-zero_point;
    const float high = (float)(255 - zero_point);
    if (value < low) {
        value = low;
    }
    if (value > high) {
        value = high;
    }
    return (uint8_t)((int32_t)lrintf(value) + zero_point);
}
"""

# The fields of a layer, by kind: integers, floats, and arrays by name and type.
FIELDS = {
    "convolve": (
        "channels height width out_channels out_height out_width kernel_height kernel_width "
        "step_down step_right top left groups zero_in zero_out",
        "",
        {"weights": "int8_t", "biases": "int32_t", "factors": "float"},
    ),
    "multiply": (
        "size out_size zero_in zero_out",
        "",
        {"weights": "int8_t", "biases": "int32_t", "factors": "float"},
    ),
    "score": (
        "size out_size zero_in zero_out",
        "",
        {"weights": "int8_t", "biases": "int32_t", "factors": "float"},
    ),
    "pool_maxima": (
        "channels height width out_height out_width kernel_height kernel_width "
        "step_down step_right top left zero_in zero_out",
        "scale_in scale_out",
        {},
    ),
    "pool_means": (
        "channels height width out_height out_width kernel_height kernel_width "
        "step_down step_right top left zero_in zero_out",
        "scale_in scale_out",
        {},
    ),
    "average": ("channels size zero_in zero_out", "scale_in scale_out", {}),
    "add": ("size", "first second rest", {}),
    "normalize": (
        "channels size zero_in zero_out",
        "scale_in scale_out",
        {"factors": "float", "summands": "float"},
    ),
    "requantize": ("size zero_in zero_out", "scale_in scale_out", {}),
}

# Where a window begins and ends inside of an image.
WINDOW = """\
/* The part of a window that lies inside of an image: from *first to before *last. */
static void inside(int32_t start, int32_t size, int32_t side, int32_t *first, int32_t *last)
{
    *first = start < 0 ? 0 : start;
    *last = start + size > side ? side : start + size;
}
"""

CONVOLVE = """\
/* Convolution, in groups of channels; what lies outside of the image is 0. */
static void convolve(const struct convolve *l, const uint8_t *in, uint8_t *out)
{
    const int32_t n_in = l->channels / l->groups;
    const int32_t n_out = l->out_channels / l->groups;
    const int32_t n_weights = n_in * l->kernel_height * l->kernel_width;
    int32_t o, y, x, c, i, j, top, bottom, left, right;
    for (o = 0; o < l->out_channels; o++) {
        const uint8_t *const group = in + (o / n_out) * n_in * l->height * l->width;
        const int8_t *const filter = l->weights + o * n_weights;
        for (y = 0; y < l->out_height; y++) {
            const int32_t y0 = y * l->step_down - l->top;
            inside(y0, l->kernel_height, l->height, &top, &bottom);
            for (x = 0; x < l->out_width; x++) {
                const int32_t x0 = x * l->step_right - l->left;
                int32_t sum = l->biases[o];
                inside(x0, l->kernel_width, l->width, &left, &right);
                for (c = 0; c < n_in; c++) {
                    for (i = top; i < bottom; i++) {
                        const uint8_t *const row = group + (c * l->height + i) * l->width;
                        const int8_t *const weights =
                            filter + (c * l->kernel_height + i - y0) * l->kernel_width;
                        for (j = left; j < right; j++) {
                            sum += (row[j] - l->zero_in) * weights[j - x0];
                        }
                    }
                }
                *out++ = rounded((float)sum * l->factors[o], l->zero_out);
            }
        }
    }
}
"""

DOT = """\
/* Sum of products. */
static int32_t dot(const uint8_t *in, const int8_t *weights, int32_t size, int32_t zero_in)
{
    int32_t i, sum = 0;
    for (i = 0; i < size; i++) {
        sum += (in[i] - zero_in) * weights[i];
    }
    return sum;
}
"""

MULTIPLY = """\
/* Dense layer. */
static void multiply(const struct multiply *l, const uint8_t *in, uint8_t *out)
{
    int32_t o;
    for (o = 0; o < l->out_size; o++) {
        const int32_t sum = l->biases[o] + dot(in, l->weights + o * l->size, l->size, l->zero_in);
        out[o] = rounded((float)sum * l->factors[o], l->zero_out);
    }
}
"""

SCORE = """\
/* The last dense layer: its values are real ones. */
static void score(const struct score *l, const uint8_t *in, float *out)
{
    int32_t o;
    for (o = 0; o < l->out_size; o++) {
        const int32_t sum = l->biases[o] + dot(in, l->weights + o * l->size, l->size, l->zero_in);
        out[o] = (float)sum * l->factors[o];
    }
}
"""

# Pools write over what they have read: an output never lies behind the window that comes next.
POOL = """\
/* {comment} */
static void {name}(const struct {name} *l, const uint8_t *in, uint8_t *out)
{{
    int32_t c, y, x, i, j, top, bottom, left, right;
    for (c = 0; c < l->channels; c++, in += l->height * l->width) {{
        for (y = 0; y < l->out_height; y++) {{
            inside(y * l->step_down - l->top, l->kernel_height, l->height, &top, &bottom);
            for (x = 0; x < l->out_width; x++) {{
                {begin}
                inside(x * l->step_right - l->left, l->kernel_width, l->width, &left, &right);
                for (i = top; i < bottom; i++) {{
                    for (j = left; j < right; j++) {{
                        const int32_t value = in[i * l->width + j];
{step}
                    }}
                }}
{end}
            }}
        }}
    }}
}}
"""

POOL_MAXIMA = POOL.format(
    comment="Max-pool.",
    name="pool_maxima",
    begin="int32_t largest = 0;",
    step="                        largest = value > largest ? value : largest;",
    end="""\
                *out++ = rounded((float)(largest - l->zero_in) * l->scale_in / l->scale_out,
                                 l->zero_out);""",
)

# The zero point is added before rounding, which matters to means that lie half-way.
POOL_MEANS = POOL.format(
    comment="Average pool; what lies outside of the image does not count.",
    name="pool_means",
    begin="float sum = 0.0f;",
    step="                        sum += l->scale_in * (float)(value - l->zero_in);",
    end="""\
                sum /= (float)((bottom - top) * (right - left));
                *out++ = rounded(sum / l->scale_out + (float)l->zero_out, 0);""",
)

AVERAGE = """\
/* Mean of each channel. */
static void average(const struct average *l, const uint8_t *in, uint8_t *out)
{
    int32_t c, i;
    for (c = 0; c < l->channels; c++, in += l->size) {
        int32_t sum = 0;
        for (i = 0; i < l->size; i++) {
            sum += in[i] - l->zero_in;
        }
        out[c] = rounded((float)sum * l->scale_in / (float)l->size / l->scale_out, l->zero_out);
    }
}
"""

ADD = """\
/* Sum of two activations. */
static void add(const struct add *l, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    int32_t i;
    for (i = 0; i < l->size; i++) {
        const float sum = l->rest + (float)a[i] * l->first + (float)b[i] * l->second;
        out[i] = rounded(sum, 0);
    }
}
"""

NORMALIZE = """\
/* Batch norm: a factor and a summand for each channel. */
static void normalize(const struct normalize *l, const uint8_t *in, uint8_t *out)
{
    int32_t c, i;
    for (c = 0; c < l->channels; c++) {
        for (i = 0; i < l->size; i++) {
            const float value = (float)(*in++ - l->zero_in) * l->scale_in;
            *out++ = rounded((value * l->factors[c] + l->summands[c]) / l->scale_out, l->zero_out);
        }
    }
}
"""

REQUANTIZE = """\
/* The same values with another scale. */
static void requantize(const struct requantize *l, const uint8_t *in, uint8_t *out)
{
    int32_t i;
    for (i = 0; i < l->size; i++) {
        out[i] = rounded((float)(in[i] - l->zero_in) * l->scale_in / l->scale_out, l->zero_out);
    }
}
"""

FUNCTIONS = {
    "convolve": CONVOLVE,
    "multiply": MULTIPLY,
    "score": SCORE,
    "pool_maxima": POOL_MAXIMA,
    "pool_means": POOL_MEANS,
    "average": AVERAGE,
    "add": ADD,
    "normalize": NORMALIZE,
    "requantize": REQUANTIZE,
}
# What some of them share: kinds that need it, and the function.
HELPERS = (
    (FUNCTIONS.keys() - {"score"}, ROUNDED),
    ({"convolve", "pool_maxima", "pool_means"}, WINDOW),
    ({"multiply", "score"}, DOT),
)
