// What happens when: a picture changes, models answer, and the slower questions wait for a pause.
// Which version of the picture there is, which has been answered, and which looked at as a whole,
// `body` says in its data.

const QUIET = 250; // milliseconds without a change before the slower questions
const byId = (id) => document.getElementById(id);
const threshold = byId("threshold");
let cards = [], version = 0, isAsking = false, timer = null, darkEdge = null;

const share = () => threshold.value / 100;
const say = (text) => { byId("status").textContent = text; };

function complain(error) {
  byId("trouble").textContent = error?.message ?? "";
  byId("trouble").hidden = !error;
  if (error?.needsKey) byId("key").hidden = false; // until a key has opened something
}

function changed() {
  version += 1;
  document.body.dataset.version = version;
  byId("hint").hidden = true;
  byId("undo").disabled = steps.length === 0;
  byId("clear").disabled = false;
  byId("square").disabled = pad.width === pad.height;
  clearTimeout(timer);
  timer = setTimeout(lookCloser, QUIET);
  askAll();
}

// One question at a time, always about the newest picture.
async function askAll() {
  if (isAsking || !cards.length) return; // no models yet: their key may be missing
  isAsking = true;
  let asked = -1;
  try {
    while (asked !== version) {
      asked = version;
      const picture = pictureNow();
      if (isBlank(picture)) {
        cards.forEach((card) => card.clear());
        byId("brief").textContent = "";
        document.body.dataset.answered = asked;
        continue;
      }
      await Promise.all(cards.map(async (card) => {
        const answer = await backend.predict(card.model.name, picture);
        card.setProbabilities(answer, share());
      }));
      byId("brief").textContent = cards.map((card) => card.said).join("\n");
      complain(null);
      byId("key").hidden = true;
      document.body.dataset.answered = asked;
      await new Promise((go) => setTimeout(go, backend.pause));
    }
  } catch (error) {
    complain(error);
  } finally {
    isAsking = false;
  }
}

async function lookCloser() {
  const asked = version, isOld = () => version !== asked, picture = pictureNow();
  if (isBlank(picture) || !cards.length) return;
  try {
    advise(picture);
    for (const card of cards) {
      const view = await backend.view(card.model.name, picture);
      if (isOld()) return;
      card.clearHeat();
      card.setView(view);
    }
    for (const card of cards) {
      if (!card.model.has_examples) continue;
      const examples = await backend.neighbors(card.model.name, picture);
      if (isOld()) return;
      card.setNeighbors(examples);
    }
    say(cards.map((card) => card.said ?? "").join(" "));
    for (const card of cards) {
      const found = await backend.explain(card.model.name, picture, isOld);
      if (isOld()) return;
      card.setHeat(found);
    }
    document.body.dataset.done = version;
  } catch (error) {
    if (!isOld()) complain(error);
  }
}

// Nets that learned from light things on black take dark ones on white for something else.
function advise(picture) {
  const advice = byId("advice");
  advice.hidden = edgeOf(picture) < 0.6;
  advice.textContent = "The edge of this picture is light. If the net learned from light things on "
    + "black, as those of Fashion-MNIST did, press Invert.";
}

async function bring(file) {
  try {
    await openFile(file);
    complain(null);
    changed();
  } catch (error) {
    complain(error);
  }
}

function setThreshold() {
  byId("threshold-value").textContent = `${threshold.value} %`;
  for (const card of cards) card.setThreshold(share());
}

function explainThreshold() {
  const counts = new Set(cards.map((card) => card.classes.length === 2)), texts = [];
  if (counts.has(false)) texts.push("A model whose highest probability is lower stays undecided.");
  if (counts.has(true)) texts.push("Of two classes, the second one is answered from here on.");
  byId("threshold-help").textContent = texts.join(" ");
}

function listen() {
  const act = (id, action) => byId(id).addEventListener("click", () => { action(); changed(); });
  act("undo", undo);
  act("clear", () => { remember(); blank(); });
  act("invert", invert);
  act("square", cutSquare);
  byId("camera-label").hidden = navigator.maxTouchPoints === 0;
  for (const id of ["file", "camera"]) {
    byId(id).addEventListener("change", ({ target }) => {
      if (target.files[0]) bring(target.files[0]);
      target.value = ""; // so that the same file can be chosen again
    });
  }
  listenToPointers(changed);
  listenToKeys(changed, say);
  listenToPastes();
  listenToDrops();
  threshold.addEventListener("input", setThreshold);
  addEventListener("keydown", (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z";
    if (isUndo && steps.length) { event.preventDefault(); undo(); changed(); }
  });
  byId("key").addEventListener("submit", (event) => {
    event.preventDefault();
    backend.useKey(byId("key").querySelector("input").value);
    start();
  });
}

function listenToPastes() {
  addEventListener("paste", (event) => {
    const file = Array.from(event.clipboardData?.files ?? []).find((one) => one.type.startsWith("image/"));
    if (file) { event.preventDefault(); bring(file); }
  });
  byId("paste").hidden = !navigator.clipboard?.read;
  byId("paste").addEventListener("click", async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (type) { await bring(await item.getType(type)); return; }
      }
      complain(new Error("There is no picture in the clipboard. Copy one first."));
    } catch {
      complain(new Error("The browser does not let this page read the clipboard; press Ctrl+V."));
    }
  });
}

function listenToDrops() {
  addEventListener("dragover", (event) => { event.preventDefault(); frame.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) frame.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    frame.classList.remove("over");
    const file = event.dataTransfer.files[0];
    if (file) bring(file);
    else complain(new Error("That was no file of a picture. Save it first, then drop the file."));
  });
}

async function offerSamples() {
  const samples = (await backend.samples?.()) ?? [];
  byId("samples").hidden = samples.length === 0;
  byId("samples").querySelector("ul").replaceChildren(...samples.map(({ label, picture, url }) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const image = document.createElement("img");
    image.src = url;
    image.alt = "";
    button.type = "button";
    button.append(image, `${label}`);
    button.addEventListener("click", () => { remember(); show(picture); changed(); });
    item.append(button);
    return item;
  }));
}

async function start() {
  try {
    const models = await backend.models();
    const seen = models.filter((model) => model.image_shape);
    byId("key").hidden = true;
    byId("models").replaceChildren();
    cards = seen.map((model) => new Card(model, byId("models")));
    complain(seen.length ? null : new Error("None of these models takes pictures."));
    explainThreshold();
    setThreshold();
    await offerSamples();
    document.body.dataset.ready = "";
    if (version) changed();
  } catch (error) {
    complain(error);
  }
}

byId("where").textContent = backend.where;
blank();
listen();
start();
