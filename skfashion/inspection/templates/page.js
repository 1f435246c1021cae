// Colours as the style of the page has them, which follows the system's setting.
const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
const words = getComputedStyle(document.body).color;
const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();

// Axes and legends of a chart take so many pixels besides what is drawn.
const ASIDE = 90;

// A chart no wider than its place, with a margin for these.
function fitted(chart, width) {
  if (chart.vconcat) return { ...chart, vconcat: chart.vconcat.map((c) => fitted(c, width)) };
  return { ...chart, width: Math.min(chart.width, width - ASIDE) };
}

// What draws each chart, once it does.
const VIEWS = {};

for (const place of document.querySelectorAll("[data-chart]")) {
  const width = place.clientWidth, chart = CHARTS[place.dataset.chart];
  // Where words stand beside points they would lie on each other: such a chart is scrolled.
  const isNarrow = width < 600 && !("scrolled" in place.dataset);
  VIEWS[place.dataset.chart] = vegaEmbed(place, isNarrow ? fitted(chart, width) : chart, {
    actions: false,
    // Expressions are interpreted: the policy of the page lets no text become code.
    ast: true,
    renderer: place.dataset.renderer || "svg",
    theme: isDark ? "dark" : undefined,
    tooltip: { theme: isDark ? "dark" : "light" },
    config: {
      background: "transparent",
      axis: { gridColor: line, ...(isNarrow && { labelLimit: ASIDE - 10 }) },
      legend: {
        symbolBaseFillColor: words,
        symbolBaseStrokeColor: words,
        ...(isNarrow && { orient: "bottom", direction: "vertical", columns: 2, labelLimit: 110 }),
      },
      text: { color: words },
    },
  }).then((embedded) => embedded.view);
}
