// The back end that computes in the browser: ONNX Runtime and the models are in this file.

const contents = JSON.parse(document.getElementById("offline").textContent);
const BATCH = 32; // images, so that the page answers in between

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

// What is in an element: base64 of gzip.
async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = new Blob([bytesOf(element.textContent.trim())]);
  element.remove();
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function begin() {
  if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") {
    throw new Error("This browser is too old for this page; expected one of 2023 or later.");
  }
  ort.env.wasm.numThreads = 1; // more need headers that no file has
  ort.env.wasm.wasmBinary = await unpacked("runtime");
  const models = new Map();
  for (const [i, model] of contents.models.entries()) {
    const session = await ort.InferenceSession.create(await unpacked(`model-${i}`), {
      executionProviders: ["wasm"],
    });
    models.set(model.name, { ...model, session });
  }
  return models;
}

const begun = begin();
begun.catch(() => {}); // told where it is awaited
let queue = Promise.resolve(); // the runtime answers one question at a time

// An image (c, h, w) of uint8 in the values that a model has learned.
function valuesOf(model, pixels) {
  if (model.dtype === "uint8") return pixels;
  return Float32Array.from(pixels, (pixel) => model.values[pixel]);
}

// Images (n, c, h, w) as a model's input: its channels may come last.
function inputOf(model, images, n) {
  const [c, h, w] = model.image_shape, size = c * h * w;
  if (!model.is_flat) return new ort.Tensor(model.dtype, images, [n, c, h, w]);
  const rows = model.channels_last ? images.slice() : images;
  if (model.channels_last) {
    images.forEach((value, i) => {
      const start = i - (i % size), at = i % size;
      rows[start + (at % (h * w)) * c + Math.floor(at / (h * w))] = value;
    });
  }
  return new ort.Tensor(model.dtype, rows, [n, size]);
}

// What a model says of images (n, c, h, w): rows of an output, in batches as the service has them.
async function ask(model, output, images, isOld = () => false) {
  const size = model.image_shape.reduce((a, b) => a * b), rows = [];
  for (let start = 0; start < images.length && !isOld(); start += BATCH * size) {
    const batch = images.slice(start, start + BATCH * size), n = batch.length / size;
    const run = () => model.session.run({ [model.input]: inputOf(model, batch, n) }, [output]);
    const answer = queue.then(run);
    queue = answer.catch(() => {});
    const { data } = (await answer)[output], k = data.length / n;
    for (let i = 0; i < n; i++) rows.push(Array.from(data.subarray(i * k, (i + 1) * k)));
    // Between two batches the page may draw, and hear of a newer picture.
    if (start + BATCH * size < images.length) await new Promise((go) => setTimeout(go));
  }
  return rows;
}

function largest(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

function pictureOf(image, [c, h, w]) {
  const picture = new ImageData(w, h);
  for (let i = 0; i < w * h; i++) {
    for (let k = 0; k < 3; k++) picture.data[4 * i + k] = image[(c === 3 ? k : 0) * w * h + i];
    picture.data[4 * i + 3] = 255;
  }
  return picture;
}

function urlOf(picture) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas.toDataURL();
}

// The training images of a model: pixels to be shown, and the points between which is measured.
async function examplesOf(model) {
  if (model.found) return model.found;
  const { n, pixels, values, labels } = model.examples;
  const shown = bytesOf(pixels), size = shown.length / n;
  const images = values ? new Float32Array(bytesOf(values).buffer) : shown;
  const points = model.has_features
    ? await ask(model, "features", images)
    : Array.from({ length: n }, (_, i) => images.subarray(i * size, (i + 1) * size));
  model.found = points.map((point, i) => ({
    point,
    label: labels?.[i] ?? null,
    picture: pictureOf(shown.subarray(i * size, (i + 1) * size), model.image_shape),
  }));
  return model.found;
}

function distanceOf(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}

const named = async (name) => (await begun).get(name);

const backend = {
  where: "All of it happens in this file: nothing leaves your device.",
  pause: 0,
  models: async () => Array.from((await begun).values()),
  async predict(name, picture) {
    const model = await named(name);
    const image = valuesOf(model, viewOf(picture, model.image_shape, model.crop));
    const [probabilities] = await ask(model, "probabilities", image);
    return { probabilities, classes: model.classes };
  },
  async view(name, picture) {
    const { image_shape, crop } = await named(name);
    return pictureOf(viewOf(picture, image_shape, crop), image_shape);
  },
  async explain(name, picture, isOld) {
    const model = await named(name);
    const image = valuesOf(model, viewOf(picture, model.image_shape, model.crop));
    const windows = windowsIn(model.image_shape);
    const images = covered(image, model.image_shape, [...windows, null]);
    const rows = await ask(model, "probabilities", images, isOld);
    if (isOld()) return null;
    const whole = rows.pop(), label = largest(whole);
    const falls = rows.map((row) => whole[label] - row[label]);
    return { heat: heatOf(model.image_shape, windows, falls), label: model.classes[label] };
  },
  async neighbors(name, picture) {
    const model = await named(name), examples = await examplesOf(model);
    const image = valuesOf(model, viewOf(picture, model.image_shape, model.crop));
    const point = model.has_features ? (await ask(model, "features", image))[0] : image;
    const apart = examples.map((one) => ({
      ...one,
      distance: distanceOf(one.point, point),
    }));
    apart.sort((a, b) => a.distance - b.distance); // stable, as the service's
    return apart.slice(0, 5).map((one) => ({ ...one, url: urlOf(one.picture) }));
  },
  // Training images to begin with: the first of each label.
  async samples() {
    const model = Array.from((await begun).values()).find((one) => one.examples?.labels);
    if (!model) return [];
    const first = new Map();
    for (const one of await examplesOf(model)) {
      if (!first.has(one.label)) first.set(one.label, { ...one, url: urlOf(one.picture) });
    }
    return Array.from(first.values()).slice(0, 10);
  },
};
