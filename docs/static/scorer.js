// How Sphinx's search ranks what it finds: what is named by the words that were typed comes first,
// a page before a section, a guide before examples and reference.
var typed = (new URLSearchParams(window.location.search).get("q") || "")
  .toLowerCase()
  .split(/[^\w.]+/)
  .filter(Boolean);

var Scorer = {
  score: ([docName, title, anchor, , score]) => {
    const words = title.toLowerCase().split(/[^\w.]+/);
    const named = typed.every((one) => words.some((word) => word.startsWith(one)));
    const isGuide = !docName.includes("/") && docName !== "api";
    return score + (named ? 100 : 0) - (anchor ? 10 : 0) - (isGuide ? 0 : 50);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
