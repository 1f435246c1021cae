const STARTS = { study: startStudy, search: startSearch, drift: startDrift };
for (const section of SECTIONS) STARTS[section.kind](section);

// The address holds what is chosen, so that links move the page themselves.
for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", (event) => {
  event.preventDefault();
  const target = document.getElementById(link.getAttribute("href").slice(1));
  target.scrollIntoView();
  target.focus({ preventScroll: true });
});

// The file is read again while somebody looks at it, and is not just doing something.
if (RELOAD) {
  const pause = document.getElementById("pause"), PAUSED = `${KEPT} paused`;
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";
  const setPaused = (is) => {
    pause.setAttribute("aria-pressed", String(is));
    attempt(() => (is ? sessionStorage.setItem(PAUSED, "1") : sessionStorage.removeItem(PAUSED)));
  };
  setPaused(attempt(() => sessionStorage.getItem(PAUSED)) === "1");
  pause.addEventListener("click", () => setPaused(!isPaused()));

  let touched = -Infinity, isDown = false;
  const touch = (event) => {
    touched = performance.now();
    if (event.type === "pointerdown") isDown = true;
    if (event.type === "pointerup" || event.type === "pointercancel") isDown = false;
  };
  for (const type of ["pointerdown", "pointerup", "pointercancel", "keydown", "input", "wheel", "scroll"])
    window.addEventListener(type, touch, { capture: true, passive: true });

  // Where the reader was: the focus, what is open, and how far it is scrolled.
  const WHERE = `${KEPT} where`;
  const focusable = () => [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const details = () => [...document.querySelectorAll("details")];
  const where = attempt(() => JSON.parse(sessionStorage.getItem(WHERE)));
  if (where) {
    details().forEach((one, i) => { one.open = Boolean(where.open[i]); });
    focusable()[where.focus]?.focus({ preventScroll: true });
    Promise.all(Object.values(VIEWS)).then(() => window.scrollTo(0, where.top));
    touched = -Infinity;
  }
  setInterval(() => {
    // A menu that is open tells nothing of what goes on in it.
    const quiet = document.activeElement?.matches("select, input[type=number]") ? 10000 : 1500;
    const isBusy = isDown || performance.now() - touched < quiet;
    if (isPaused() || isBusy || document.visibilityState !== "visible") return;
    attempt(() => sessionStorage.setItem(WHERE, JSON.stringify({
      focus: focusable().indexOf(document.activeElement),
      open: details().map((one) => one.open),
      top: window.scrollY,
    })));
    location.reload();
  }, RELOAD * 1000);
}
