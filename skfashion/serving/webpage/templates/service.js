// The back end that asks a service: what offline.js computes itself.

let serviceKey = "";

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(serviceKey && { "X-API-Key": serviceKey }) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail ?? `The service answered ${answer.status}.`);
  error.needsKey = answer.status === 401 || answer.status === 403;
  throw error;
}

const pngs = new WeakMap(); // of a picture that several models are asked about

function pngOf(picture) {
  if (!pngs.has(picture)) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").putImageData(picture, 0, 0);
    pngs.set(picture, new Promise((give) => canvas.toBlob(give, "image/png")));
  }
  return pngs.get(picture);
}

async function post(what, name, picture) {
  const body = await pngOf(picture), headers = { "Content-Type": "image/png" };
  return ask(`v1/${what}?model=${encodeURIComponent(name)}`, { method: "POST", headers, body });
}

async function pictureIn(png) {
  const bytes = Uint8Array.from(atob(png), (sign) => sign.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const drawn = canvas.getContext("2d");
  drawn.drawImage(bitmap, 0, 0);
  return drawn.getImageData(0, 0, canvas.width, canvas.height);
}

const backend = {
  where: "Pictures are sent to this service.",
  pause: 120, // milliseconds between two questions while somebody draws
  // In the page already, where no key is needed.
  async models() {
    const cards = document.getElementById("cards");
    return cards ? JSON.parse(cards.textContent) : (await ask("v1/models")).models;
  },
  useKey(key) { serviceKey = key; },
  async predict(name, picture) {
    const { probabilities, classes } = await post("predict", name, picture);
    return { probabilities: probabilities[0], classes };
  },
  explain: (name, picture) => post("explain", name, picture),
  view: async (name, picture) => pictureIn((await post("view", name, picture)).png),
  async neighbors(name, picture) {
    const { examples } = await post("neighbors", name, picture);
    return examples.map((one) => ({ ...one, url: `data:image/png;base64,${one.png}` }));
  },
};
