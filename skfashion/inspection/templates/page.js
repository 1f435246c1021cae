// Colours as the style of the page has them, which follows the system's setting.
const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
const words = getComputedStyle(document.body).color;
const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();

// Axes and legends of a chart take so many pixels besides what is drawn.
const ASIDE = 90;

// A chart no wider than its place, with a margin for these.
function fitted(chart, width, aside) {
  if (chart.vconcat) return { ...chart, vconcat: chart.vconcat.map((c) => fitted(c, width, aside)) };
  return { ...chart, width: Math.min(chart.width, width - aside) };
}

// What draws each chart, once it does.
const VIEWS = {};

// Draw the chart of a place, and keep what draws it.
function embed(place) {
  const width = place.clientWidth, chart = CHARTS[place.dataset.chart];
  const aside = Number(place.dataset.aside ?? ASIDE);
  // Where words stand beside points they would lie on each other: such a chart is scrolled.
  const isNarrow = width < 600 && !("scrolled" in place.dataset);
  // A chart that fills a wide place, legend and axes included.
  const fills = width >= 600 && "fill" in place.dataset;
  const whole = { width, autosize: { type: "fit-x", contains: "padding" } };
  const sized = isNarrow ? fitted(chart, width, aside) : fills ? { ...chart, ...whole } : chart;
  const letters = fills ? { labelFontSize: 12, titleFontSize: 13 } : {};
  VIEWS[place.dataset.chart] = vegaEmbed(place, sized, {
    actions: false,
    // Expressions are interpreted: the policy of the page lets no text become code.
    ast: true,
    renderer: place.dataset.renderer || "svg",
    theme: isDark ? "dark" : undefined,
    tooltip: { theme: isDark ? "dark" : "light" },
    config: {
      background: "transparent",
      axis: { gridColor: line, ...letters, ...(isNarrow && { labelLimit: aside - 10 }) },
      legend: {
        ...letters,
        symbolBaseFillColor: words,
        symbolBaseStrokeColor: words,
        ...(isNarrow && { orient: "bottom", direction: "vertical", columns: 2, labelLimit: 110 }),
      },
      text: { color: words },
    },
  }).then((embedded) => embedded.view);
  return VIEWS[place.dataset.chart];
}

// Those that wait for their rows are drawn by the script of the page.
document.querySelectorAll("[data-chart]:not([data-later])").forEach(embed);
