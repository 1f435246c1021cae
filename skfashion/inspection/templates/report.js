for (const image of document.querySelectorAll("img[data-image]")) {
  image.src = IMAGES[image.dataset.image];
}

function show(model, button) {
  const i = Number(button.dataset.row), j = Number(button.dataset.column);
  const number = Number(model.dataset.model), cell = CELLS[number][i][j];
  const from = NAMES[IN_MATRIX[number][i]], to = NAMES[IN_MATRIX[number][j]];
  for (const other of model.querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  const words = document.createElement("p");
  const many = cell.count > cell.rows.length ? `, ${cell.rows.length} of which are shown` : "";
  words.textContent = `${from}, predicted as ${to}: ${cell.count}${many}.`;
  const list = document.createElement("ul");
  list.className = "images";
  for (const [place, row] of cell.rows.entries()) {
    const item = document.createElement("li"), image = document.createElement("img");
    item.className = i === j ? "right" : "wrong";
    image.src = IMAGES[row];
    image.alt = `${from}, image ${row}`;
    const share = document.createElement("span"), which = document.createElement("span");
    share.textContent = `sure by ${cell.shares[place]}`;
    which.textContent = `image ${row}`;
    item.append(image, share, which);
    list.append(item);
  }
  model.querySelector(".shown").replaceChildren(words, list);
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
for (const model of document.querySelectorAll(".model")) {
  model.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) {
      focusOn(model, button);
      show(model, button);
    }
  });
  model.addEventListener("keydown", (event) => {
    const step = STEPS[event.key], button = event.target.closest("button");
    if (!step || !button) return;
    const i = Number(button.dataset.row) + step[0], j = Number(button.dataset.column) + step[1];
    const next = model.querySelector(`button[data-row="${i}"][data-column="${j}"]`);
    if (next) {
      event.preventDefault();
      focusOn(model, next);
      next.focus();
    }
  });
}

// One cell of a matrix is in the order of the Tab key: that which was used last.
function focusOn(model, button) {
  for (const other of model.querySelectorAll("button")) other.tabIndex = -1;
  button.tabIndex = 0;
}
