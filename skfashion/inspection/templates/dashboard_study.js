// A study: all that is compared, and the classes of what is chosen.
function startStudy(section) {
  const { data, charts } = section;
  const { place, state, redraw, setting, toggle } = controls(section, data.values.slice(0, 3), draw);

  function rowsOf(wanted) {
    const metrics = new Set(wanted.map((one) => data.metrics.indexOf(one)));
    const settings = data.factors.map((factor) => factor.values.indexOf(setting(factor.name)));
    const fits = data.runs.map((run) =>
      data.places.every((column, i) => run[1 + column] === settings[i]));
    return data.rows.filter(([run, metric]) => fits[run] && metrics.has(metric)).map(
      ([run, metric, part, value]) => ({
        compared: data.values[data.runs[run][0]],
        repeat: data.runs[run].at(-1),
        part: data.parts[part],
        value,
      }));
  }

  const named = (text) => data.metrics.filter(
    (one) => (one.by ? `${one.metric} by ${one.by}` : one.metric) === text);

  // Where an axis ends that leaves out what is far from the rest: three times the middle half.
  const FAR = 3;
  function endsOf(rows) {
    const sorted = rows.map((row) => row.value).sort((a, b) => a - b), n = sorted.length;
    if (!state.near || !n) return { low: null, high: null };
    const [first, third] = [0.25, 0.75].map((share) => sorted[Math.round(share * (n - 1))]);
    const slack = FAR * (third - first);
    const left = sorted.filter((value) => value >= first - slack && value <= third + slack);
    if (left.length === n) return { low: null, high: null };
    const margin = 0.02 * (left.at(-1) - left[0]);
    return { low: left[0] - margin, high: left.at(-1) + margin, outside: n - left.length };
  }

  function draw() {
    const chosen = new Set(state.chosen);
    const all = rowsOf(named(setting("metric") || setting("detail")));
    const rows = !charts.parts ? [] : rowsOf(named(setting("detail"))).filter((row) => chosen.has(row.compared));
    // Colours and shapes are those of the chart of classes; what is not chosen is grey.
    const order = data.values.filter((name) => chosen.has(name));
    for (const row of all) {
      const at = order.indexOf(row.compared);
      row.color = at < 0 ? "#8a8a8a" : data.colors[at % data.colors.length];
      row.shape = at < 0 ? "circle" : data.shapes[at % data.shapes.length];
    }
    const { outside = 0, ...ends } = endsOf(all), detail = setting("detail");
    const said = all.length ? "" : "There is no run with these settings: choose others.";
    place.querySelector("[data-said]").textContent =
      outside ? `${outside} of ${all.length} values lie beyond the axis.` : said;
    show(charts.overview, all, {
      params: { measure: setting("metric") || detail, ...ends },
      whenNew: (view) => view.addEventListener("click", (event, item) => {
        if (item?.datum?.compared) toggle(item.datum.compared);
      }),
    });
    if (!charts.parts) return;
    const { low, high } = endsOf(rows), [, measure, parts] = detail.match(/^(.*) by (.*)$/s);
    show(charts.parts, rows.sort((a, b) => order.indexOf(a.compared) - order.indexOf(b.compared)),
      { params: { measure, parts, low, high } });
    numbers(rows);
  }

  function numbers(rows) {
    const names = data.values.filter((name) => rows.some((row) => row.compared === name));
    const cells = new Map();
    for (const row of rows) {
      if (!cells.has(row.part)) cells.set(row.part, new Map());
      const line = cells.get(row.part);
      line.set(row.compared, [...(line.get(row.compared) ?? []), row.value]);
    }
    const mean = (values) => values && values.reduce((a, b) => a + b, 0) / values.length;
    fill(place.querySelector("[data-numbers]"), ["part", ...names], [...cells].map(
      ([part, line]) => [part, ...names.map((name) => short(mean(line.get(name))))]));
  }

  const near = place.querySelector("[data-near]");
  near.checked = Boolean(state.near);
  near.addEventListener("change", () => {
    state.near = near.checked;
    redraw();
  });

  draw();
}
