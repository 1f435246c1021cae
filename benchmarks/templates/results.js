// The first number of a cell, or its text.
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = Number.parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(number) ? text : number;
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
