// A search: ranges of axes leave candidates, of which some are chosen.
const FIRST = 20, SLACK = 1e-9;

function startSearch(section) {
  const { data, charts } = section, { axes } = data;
  const { place, state, redraw, setting, toggle } = controls(section, data.order.slice(0, 3), draw);
  state.ranges ??= {};
  let showsAll = false;

  // Between values of an axis and places on it, from 0 to 1.
  const bent = (axis) => (axis.kind === "log" ? Math.log : Number);
  function placeOf(axis, value) {
    if (axis.kind === "category") return axis.texts.indexOf(value) / Math.max(1, axis.texts.length - 1);
    const f = bent(axis);
    if (axis.kind === "log" && value <= 0) return 0;
    return (f(value) - f(axis.low)) / (f(axis.high) - f(axis.low) || 1);
  }
  function valueAt(axis, at) {
    if (axis.kind === "category") return null;
    const f = bent(axis), value = f(axis.low) + at * (f(axis.high) - f(axis.low));
    return axis.kind === "log" ? Math.exp(value) : value;
  }

  // A range is kept as places: that is what is brushed, to the last bit.
  function setRange(i, low, high) {
    if (low === null) delete state.ranges[axes[i].column];
    else state.ranges[axes[i].column] = [Math.min(low, high), Math.max(low, high)];
    redraw();
  }

  const ranges = () => axes.flatMap(({ column }, i) =>
    (state.ranges[column] ? [[i, ...state.ranges[column]]] : []));

  function inside() {
    return data.order.filter((candidate) => ranges().every(([i, low, high]) => {
      const at = data.places[candidate][i];
      return at !== null && at >= low - SLACK && at <= high + SLACK;
    }));
  }

  // A line over all axes, with a gap where there is no value.
  function lineOf(candidate) {
    let path = "";
    data.places[candidate].forEach((at, i, all) => {
      if (at === null) return;
      const begins = i === 0 || all[i - 1] === null;
      path += `${begins ? "M" : "L"}${i * data.between},${(1 - at) * data.height}`;
    });
    return { candidate, path };
  }

  async function parallel() {
    if (!(charts.parallel in VIEWS)) {
      const chart = document.querySelector(`[data-chart="${charts.parallel}"]`);
      brushes(await embed(chart), chart, setRange, toggle);
      const around = chart.parentElement, wider = place.querySelector("[data-wider]");
      const tell = () => { wider.hidden = around.scrollWidth <= around.clientWidth; };
      tell();
      window.addEventListener("resize", tell);
    }
    return VIEWS[charts.parallel];
  }

  async function draw() {
    const left = inside(), chosen = left.filter((one) => state.chosen.includes(one));
    place.querySelector("[data-said]").textContent =
      `${left.length} of ${data.places.length} candidates inside.`;
    candidates(left);
    inputs();
    if (charts.curves) curves(chosen);
    const view = await parallel();
    view.data("lines", left.map(lineOf)).data("chosen", chosen.map(lineOf));
    view.data("ranges", ranges().map(([axis, low, high]) => ({ axis, low, high })));
    await view.runAsync();
  }

  function candidates(left) {
    const some = showsAll ? left : left.slice(0, FIRST);
    const more = place.querySelector("[data-more]");
    more.hidden = some.length === left.length;
    more.textContent = `Show all ${left.length}`;
    const table = place.querySelector("[data-candidates]");
    const focused = table.contains(document.activeElement) && document.activeElement.value;
    fill(table, ["candidate", ...axes.map((axis) => axis.label)], some.map((one) => {
      const label = document.createElement("label"), box = document.createElement("input");
      Object.assign(box, { type: "checkbox", value: one, checked: state.chosen.includes(one) });
      box.addEventListener("change", () => { toggle(one); });
      label.className = "row";
      label.append(box, String(one));
      return [label, ...data.texts[one]];
    }));
    if (focused) table.querySelector(`input[value="${focused}"]`)?.focus();
  }

  function inputs() {
    for (const set of place.querySelectorAll("[data-axis]")) {
      const axis = axes[set.dataset.axis], [from, to] = set.querySelectorAll("[data-end]");
      const [low, high] = state.ranges[axis.column] ?? [0, 1];
      if (axis.kind === "category") {
        const last = Math.max(1, axis.texts.length - 1);
        from.selectedIndex = Math.min(axis.texts.length - 1, Math.ceil(low * last - SLACK));
        to.selectedIndex = axis.texts.length > 1 ? Math.max(0, Math.floor(high * last + SLACK)) : 0;
      } else {
        for (const [input, at] of [[from, low], [to, high]])
          if (input !== document.activeElement) input.value = +valueAt(axis, at).toPrecision(6);
      }
    }
  }

  function curves(chosen) {
    const measure = setting("score") ?? data.scores[0], { points: all } = data.curves[measure];
    const words = (one) => axes.map((axis, i) => `${axis.label} ${data.texts[one][i]}`).join(", ");
    show(charts.curves, chosen.flatMap((one) => all.filter(([candidate]) => candidate === one).map(
      ([, along, value]) => ({ candidate: String(one), along, value, params: words(one) }))),
      { params: { measure } });
  }

  for (const set of place.querySelectorAll("[data-axis]")) {
    const i = Number(set.dataset.axis), ends = [...set.querySelectorAll("[data-end]")];
    set.addEventListener("change", ({ target }) => {
      // The other end stays what it is: the number in it is rounded.
      const range = [...(state.ranges[axes[i].column] ?? [0, 1])], k = ends.indexOf(target);
      const value = axes[i].kind === "category" ? target.value : Number(target.value);
      range[k] = target.value === "" ? k : placeOf(axes[i], value);
      setRange(i, ...range);
    });
  }
  place.querySelector("[data-clear]").addEventListener("click", () => {
    state.ranges = {};
    redraw();
  });
  place.querySelector("[data-more]").addEventListener("click", () => { showsAll = true; draw(); });

  draw();
}

// A drag along an axis, by mouse, pen or finger; a click on it takes its range away.
function brushes(view, place, setRange, toggle) {
  const at = (event) => {
    const { top } = place.querySelector("svg").getBoundingClientRect();
    const y = event.clientY - top - view.padding().top - view.origin()[1];
    return Math.min(1, Math.max(0, 1 - y / view.height()));
  };
  view.addEventListener("pointerdown", (event, item) => {
    if (item?.mark?.name !== "hit") return;
    event.preventDefault();
    // Outside of the window, too.
    place.setPointerCapture(event.pointerId);
    const { axis } = item.datum, start = at(event);
    let isDrag = false;
    const move = (moved) => {
      isDrag ||= Math.abs(at(moved) - start) > 0.01;
      if (isDrag) setRange(axis, start, at(moved));
    };
    const end = (ended) => {
      place.removeEventListener("pointermove", move);
      place.removeEventListener("pointerup", end);
      place.removeEventListener("pointercancel", end);
      if (ended.type === "pointerup") move(ended);
      if (!isDrag) setRange(axis, null);
    };
    place.addEventListener("pointermove", move);
    place.addEventListener("pointerup", end);
    place.addEventListener("pointercancel", end);
  });
  view.addEventListener("click", (event, item) => {
    if (["line", "chosen-line"].includes(item?.mark?.name)) toggle(item.datum.candidate);
  });
}
