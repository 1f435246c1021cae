// Seconds, and bytes: a column may have several units of one kind.
const UNITS = {
  ns: 1e-9, "µs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600,
  B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9,
};
// A number, perhaps its deviation, and the word that follows.
const QUANTITY = /^[-+]?[\d.]+(?:e[-+]?\d+)?(?:\s*±\s*[\d.]+)?\s*([a-zµ]+)/i;

// The first number of a cell, in the unit that it shares with the others, or its text.
function key(row, column) {
  const text = row.cells[column].textContent.trim().replace(/,/g, "");
  const number = Number.parseFloat(text);
  if (Number.isNaN(number)) return row.cells[column].textContent.trim();
  return number * (UNITS[text.match(QUANTITY)?.[1]] ?? 1);
}

// Numbers in the asked order, then texts in it: what is not known comes last either way.
function compare(a, b, sign) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * (a < b ? -1 : a > b ? 1 : 0);
}

// A number stays beside its deviation or its interval; longer cells are sentences.
const LONGEST = 40;
for (const cell of document.querySelectorAll("main td")) {
  const isShort = cell.textContent.length <= LONGEST;
  if (isShort && typeof key(cell.parentNode, cell.cellIndex) === "number") {
    cell.classList.add("number");
  }
}

for (const table of document.querySelectorAll("main table")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent || "name";
    heading.replaceChildren(button);
    heading.scope = "col";
    button.addEventListener("click", () => {
      const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(key(a, column), key(b, column), sign));
      table.tBodies[0].append(...rows);
    });
  });
}
