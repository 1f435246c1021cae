// What is chosen, by the names of sections: in the page's address, so that it can be sent on, and
// in the session, so that a reload keeps it.
const KEPT = `dashboard ${location.pathname}`, MARK = "#s=";

function attempt(task) {
  try { return task(); } catch { return undefined; } // a frame of a notebook has neither
}

function remembered() {
  const hash = attempt(() => JSON.parse(decodeURIComponent(location.hash.replace(MARK, ""))));
  return hash ?? attempt(() => JSON.parse(sessionStorage.getItem(KEPT))) ?? {};
}

const STATE = remembered();

function remember() {
  const text = JSON.stringify(STATE);
  attempt(() => sessionStorage.setItem(KEPT, text));
  attempt(() => history.replaceState(null, "", MARK + encodeURIComponent(text)));
}

// A table of texts: headings, and rows whose first cell is their heading.
function fill(table, headings, rows) {
  const head = document.createElement("thead"), body = document.createElement("tbody");
  const line = (cells, tag, scope) => {
    const row = document.createElement("tr");
    for (const [i, text] of cells.entries()) {
      const cell = document.createElement(i ? tag : "th");
      if (cell.tagName === "TH") cell.scope = i ? "col" : scope;
      cell.append(text);
      row.append(cell);
    }
    return row;
  };
  head.append(line(headings, "th", "col"));
  body.append(...rows.map((row) => line(row, "td", "row")));
  table.replaceChildren(head, body);
}

const short = (value) => (value === null || value === undefined ? "–" : String(+value.toPrecision(4)));

// Draw a chart with other rows, and other values of its parameters; without any rows there is a
// sentence in its place.
async function show(name, rows, { params = {}, whenNew = () => {} } = {}) {
  const place = document.querySelector(`[data-chart="${name}"]`), around = place.parentElement;
  // It keeps its place, so that nothing moves under a pointer that brushes.
  around.style.visibility = rows.length ? "" : "hidden";
  if (!around.nextElementSibling?.matches("[data-nothing]"))
    around.insertAdjacentHTML("afterend", '<p class="note" data-nothing>Nothing is chosen.</p>');
  around.nextElementSibling.hidden = Boolean(rows.length);
  if (!rows.length) return;
  const changed = (CHARTS[name].params ?? []).filter(
    (one) => one.name in params && one.value !== params[one.name]);
  if (name in VIEWS && !changed.length) {
    const view = await VIEWS[name];
    // A longer legend needs more room.
    await view.data("rows", rows).resize().runAsync();
  } else {
    const before = VIEWS[name];
    // Drawn anew: what an axis tells readers of screens does not follow its parameters.
    for (const one of changed) one.value = params[one.name];
    // Scales of no rows would be without end.
    CHARTS[name].datasets = { ...CHARTS[name].datasets, rows };
    const view = embed(place);
    (await before)?.finalize();
    whenNew(await view);
  }
}

// Boxes, menus and buttons of a section; whatever changes is drawn again.
function controls(section, usual, draw) {
  const place = document.getElementById(section.id);
  const state = (STATE[section.name] ??= {});
  const boxes = [...place.querySelectorAll("[data-choices] input")];
  state.chosen ??= usual;
  state.selects ??= {};
  for (const box of boxes) box.checked = state.chosen.includes(box.value);
  for (const menu of place.querySelectorAll("[data-select]")) {
    const wanted = state.selects[menu.dataset.select];
    if ([...menu.options].some((option) => option.value === wanted)) menu.value = wanted;
    menu.addEventListener("change", () => {
      state.selects[menu.dataset.select] = menu.value;
      redraw();
    });
  }
  const redraw = () => { remember(); draw(); };
  const choose = (names) => {
    state.chosen = names;
    for (const box of boxes) box.checked = names.includes(box.value);
    redraw();
  };
  for (const box of boxes) box.addEventListener("change", () =>
    choose(boxes.filter((one) => one.checked).map((one) => one.value)));
  for (const button of place.querySelectorAll("[data-choose]")) button.addEventListener("click", () =>
    choose(button.dataset.choose === "all" ? boxes.map((box) => box.value) : []));
  return {
    place, state, choose, redraw,
    toggle: (name) => choose(state.chosen.includes(name)
      ? state.chosen.filter((one) => one !== name) : [...state.chosen, name]),
    setting: (name) => place.querySelector(`[data-select="${CSS.escape(name)}"]`)?.value,
  };
}
