// A card a model: its answer, its probabilities, what it sees, what mattered.

const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
const points = (share) => `${(100 * share).toFixed(1)} percentage points`;
const styleLength = (share) => `${100 * share}%`; // as a style has it
const HEAT = { for: [213, 94, 0], against: [0, 114, 178] };
const STRONGEST = 0.85; // opacity of the greatest heat
const WEAK = 0.05; // heat of less than this looks like less

// What is answered of probabilities: the column, and whether the threshold lets it be said.
function decided(probabilities, threshold) {
  if (probabilities.length === 2) {
    return { best: probabilities[1] >= threshold ? 1 : 0, isSure: true };
  }
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { best, isSure: probabilities[best] >= threshold };
}

class Card {
  constructor(model, place) {
    this.model = model;
    this.root = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.find = (selector) => this.root.querySelector(selector);
    this.find("h3").textContent = model.name;
    this.find("caption").textContent = `Probabilities of ${model.name}`;
    this.root.setAttribute("aria-label", model.name);
    this.setClasses(model.classes);
    this.clear();
    place.append(this.root);
  }

  setClasses(classes) {
    this.classes = classes;
    this.rows = classes.map((name) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      const track = document.createElement("div"), bar = document.createElement("div");
      track.className = "track";
      bar.className = "bar";
      const mark = document.createElement("div");
      mark.className = "line";
      track.append(bar, mark);
      const [middle, number] = [document.createElement("td"), document.createElement("td")];
      middle.setAttribute("aria-hidden", "true");
      middle.append(track);
      row.append(head, middle, number);
      return { row, bar, mark, number };
    });
    this.find("tbody").replaceChildren(...this.rows.map((one) => one.row));
  }

  clear() {
    this.probabilities = null;
    this.root.classList.add("idle");
    this.find(".answer").textContent = "Nothing drawn yet";
    for (const { row, bar, number } of this.rows) {
      row.className = "";
      row.removeAttribute("data-probability");
      bar.style.width = "0";
      number.textContent = "–";
    }
    this.setView(null);
    this.clearHeat();
    this.find(".neighbors").hidden = true;
  }

  setProbabilities({ probabilities, classes }, threshold) {
    if (classes.join("\n") !== this.classes.join("\n")) this.setClasses(classes);
    this.probabilities = probabilities;
    this.root.classList.remove("idle");
    this.rows.forEach(({ row, bar, number }, i) => {
      row.dataset.probability = probabilities[i];
      bar.style.width = styleLength(probabilities[i]);
      number.textContent = percent(probabilities[i]);
    });
    this.setThreshold(threshold);
  }

  setThreshold(threshold) {
    const isBinary = this.classes.length === 2;
    this.rows.forEach(({ mark }, i) => {
      mark.hidden = isBinary && i === 0;
      mark.style.left = styleLength(threshold);
    });
    if (!this.probabilities) return;
    const { best, isSure } = decided(this.probabilities, threshold);
    this.rows.forEach(({ row }, i) => row.classList.toggle("chosen", i === best && isSure));
    const [answer, share] = [this.classes[best], percent(this.probabilities[best])];
    const small = document.createElement("small");
    small.textContent = isSure ? ` ${share}` : ` most probably ${answer}, ${share}`;
    this.find(".answer").replaceChildren(isSure ? `${answer}` : "Undecided", small);
    this.said = `${this.model.name}: ${isSure ? answer : "undecided, most probably " + answer}, ${share}.`;
  }

  setView(picture) {
    this.find(".pictures").hidden = !picture;
    const [, h, w] = this.model.image_shape;
    this.view = picture;
    for (const canvas of this.root.querySelectorAll("canvas")) {
      [canvas.width, canvas.height] = picture ? [picture.width, picture.height] : [w, h];
      if (picture) canvas.getContext("2d").putImageData(picture, 0, 0);
    }
    const size = `${w} by ${h} pixels`;
    this.find(".view").setAttribute("aria-label", picture ? `The picture in ${size}` : "Nothing yet");
    this.find(".view + figcaption").textContent = `What the net sees: ${w}\u00a0×\u00a0${h}`;
  }

  clearHeat() {
    this.find(".heat").setAttribute("aria-label", "Nothing yet");
    this.find(".heat + figcaption").textContent = "What mattered";
    this.find(".legend").hidden = true;
  }

  setHeat({ heat, label }) {
    const largest = Math.max(...heat.flat().map(Math.abs)), canvas = this.find(".heat");
    const draw = canvas.getContext("2d");
    const scale = STRONGEST / Math.max(largest, WEAK);
    // Dimmed, so that colours are seen on white as well.
    const picture = new ImageData(Uint8ClampedArray.from(this.view.data), canvas.width, canvas.height);
    heat.flat().forEach((value, i) => {
      const colour = value > 0 ? HEAT.for : HEAT.against, share = Math.abs(value) * scale;
      for (let k = 0; k < 3; k++) {
        picture.data[4 * i + k] = 0.6 * (1 - share) * this.view.data[4 * i + k] + share * colour[k];
      }
    });
    draw.putImageData(picture, 0, 0);
    this.find(".heat + figcaption").textContent = `What mattered for “${label}”`;
    this.find(".legend").hidden = false;
    this.find(".most").textContent = `${points(largest)} at most`;
    canvas.setAttribute("aria-label", `${placeOf(heat)} By ${points(largest)} at most.`);
  }

  setNeighbors(examples) {
    const items = examples.map(({ label, distance, url }) => {
      const item = document.createElement("li"), image = document.createElement("img");
      image.src = url;
      image.alt = "";
      const far = document.createElement("small");
      far.textContent = `${Number(distance.toPrecision(3))}`;
      item.append(image, label === null ? "" : `${label}`, far);
      return item;
    });
    this.find(".neighbors ol").replaceChildren(...items);
    this.find(".neighbors").hidden = items.length === 0;
  }
}

// In words where the heat is greatest.
function placeOf(heat) {
  const h = heat.length, w = heat[0].length, flat = heat.flat();
  const at = flat.indexOf(Math.max(...flat));
  if (flat[at] < 0.01) return "Covering a part of the picture changes little.";
  const third = (i, n, names) => names[Math.min(2, Math.floor((3 * i) / n))];
  const across = third(at % w, w, ["left", "middle", "right"]);
  return `The probability falls most at the ${third(Math.floor(at / w), h, ["top", "centre", "bottom"])} ${across}.`;
}
