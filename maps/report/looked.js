// What is looked at, beside what is needed: for the readers whose attention.csv is known, a map of
// mean weights on the same grid.

const WEIGHT = "weight"; // in place of a score, in such a panel

// The mean weight of a cell's zone, 0 to 1, on average over the runs of a view; null if unknown.
function weightOf(view, cell) {
  const known = report.views[view].runs.map((run) => (report.runs[run].weights || [])[cell]);
  if (known.some((weight) => weight === null || weight === undefined)) return null;
  return known.reduce((a, b) => a + b, 0) / known.length;
}

function hasWeights(view, map) {
  return cellsOf(map).some((cell) => weightOf(view, cell) !== null);
}

// The largest weight of a map in any of its panels: the end of their colours.
function largestWeight(map) {
  const views = panels.filter(({ metric }) => metric === WEIGHT).map(({ view }) => view);
  return Math.max(...views.flatMap((view) => cellsOf(map).map((cell) => weightOf(view, cell) || 0)));
}

function drawWeights({ view, map, section, squares }) {
  const largest = largestWeight(map) || 1;
  for (const square of squares) {
    const cell = Number(square.dataset.cell);
    const weight = weightOf(view, cell);
    square.className = "square " + (weight === null ? "none" : "w" + Math.round((report.colours.weightSteps * weight) / largest));
    square.textContent = weight === null ? "" : (100 * weight).toFixed(1);
    const words = weight === null ? "no weight" : "mean weight " + percentOf(weight);
    square.setAttribute("aria-label", report.cells[cell].name.replace(" masked", "") + ": " + words);
  }
  section.querySelector(".reader").textContent = report.views[view].name;
  section.querySelector(".score").textContent = "looked at: mean weight, %";
}

function percentOf(weight) {
  return (100 * weight).toFixed(1) + "\u00a0%";
}

// How weights and losses go together, in a line for each map of scores that has weights beside it.
function showCorrelations(shown) {
  const note = document.getElementById("looked");
  if (!note) return;
  const scores = panels.filter(({ view, metric, map }) => metric !== WEIGHT && hasWeights(view, map));
  note.hidden = !scores.length;
  if (!scores.length) return;
  document.getElementById("darkest").textContent = percentOf(largestWeight(scores[0].map));
  const lines = document.getElementById("correlations");
  lines.textContent = "";
  for (const panel of scores) {
    const names = scores.length > 1 ? report.views[panel.view].name + ", " + METRICS[panel.metric] + ": " : "";
    lines.append(element("p", "", names + correlationText(correlationOfPanel(panel, shown))));
  }
}

function correlationOfPanel({ view, metric, map }, shown) {
  const pairs = Array.from(numbersOfMap(view, map, metric, shown), ([cell, { change }]) => [weightOf(view, cell), -change]);
  return spearman(pairs.filter(([weight]) => weight !== null));
}

function correlationText(found) {
  const start = "Spearman's correlation of weight and points lost: ";
  if (!found) return start + "none, too few squares or all alike.";
  const signed = (value) => value.toFixed(2).replace(/^-(0\.00)$/, "$1").replace("-", "\u2212");
  if (found.low === null) return start + signed(found.value) + " (" + found.cells + " squares, too few for an interval).";
  return (
    start + signed(found.value) + " (95 % interval " + signed(found.low) + " to " + signed(found.high) +
    ", squares taken as independent, Bonett and Wright 2000; " + found.cells + " squares)."
  );
}
