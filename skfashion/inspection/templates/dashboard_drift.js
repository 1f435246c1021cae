// A drift log: the tests that are chosen.
function startDrift(section) {
  const { data, charts } = section;
  const { place, state } = controls(section, data.kinds, draw);

  function draw() {
    const rows = data.rows.filter((row) => state.chosen.includes(row.kind));
    show(charts.drift, rows);
    const alarms = rows.filter((row) => row.alarm === "alarm");
    fill(place.querySelector("[data-numbers]"), [data.along, "test", "statistic", "threshold"],
      alarms.map((row) => [String(row.place), row.kind, short(row.statistic), short(row.threshold)]));
  }

  draw();
}
