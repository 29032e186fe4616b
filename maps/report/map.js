// The maps: one panel for each reader and score that is shown, and one for each reader whose weights
// are known. A map is a grid of buttons, one of which is in the tab order; the arrow keys move among
// them.

const place = document.getElementById("maps");
// The panels on the page: {view, metric, section, map, squares}; the first was written into it.
const panels = [{ section: place.querySelector(".panel") }];

function panelsOf({ show, beside, metric }) {
  const views = beside === null || beside === show ? [show] : [show, beside];
  const metrics = metric === "both" ? Object.keys(METRICS) : [metric];
  return views.flatMap((view) => metrics.map((one) => ({ view, metric: one })));
}

// Makes the panels that a state needs, each a copy of the first.
function arrangePanels(state, map) {
  const weighed = viewsShown(state).filter((view) => hasWeights(view, map));
  const wanted = [...panelsOf(state), ...weighed.map((view) => ({ view, metric: WEIGHT }))];
  while (panels.length > wanted.length) panels.pop().section.remove();
  while (panels.length < wanted.length) {
    const section = panels[0].section.cloneNode(true);
    place.append(section);
    panels.push({ section });
  }
  wanted.forEach((what, number) => Object.assign(panels[number], what));
  for (const panel of panels) useMap(panel, map);
  const columns = report.maps[map].columns.length;
  const main = document.querySelector("main");
  main.classList.toggle("wide", columns > 8);
  main.classList.toggle("stacked", columns > 6);
  main.classList.toggle("several", panels.length > 1);
}

// Shows one of the maps in a panel: layers by zones, layers by heads, ...
function useMap(panel, map) {
  const tables = panel.section.querySelectorAll(".grid");
  tables.forEach((table, number) => (table.hidden = number !== map));
  panel.map = map;
  panel.squares = Array.from(tables[map].querySelectorAll(".square"));
}

function drawPanel(panel, shown) {
  if (panel.metric === WEIGHT) return drawWeights(panel);
  const { view, metric, map, section, squares } = panel;
  const numbers = numbersOfMap(view, map, metric, shown);
  for (const square of squares) {
    const cell = Number(square.dataset.cell);
    const found = numbers.get(cell);
    square.className = "square " + colourOf(found) + (found && !found.sure ? " unsure" : "");
    square.textContent = found ? signed(found.change).replace("+", "") : "";
    square.setAttribute("aria-label", spoken(cell, found, isDecoded(view, cell)));
  }
  const name = report.views[view].name;
  const words = shown.members.length
    ? "baseline " + baselineOf(view, metric, shown).toFixed(2) + "\u00a0%"
    : "no question fits";
  section.querySelector(".reader").textContent = name;
  section.querySelector(".score").textContent = METRICS[metric] + ", " + words;
}

// The style class of a change: v0 is the lowest colour, one step each tenth of a point.
function colourOf(found) {
  if (!found) return "none";
  const { lowest, highest, perPoint } = report.colours;
  const inRange = Math.min(highest, Math.max(lowest, found.change));
  return "v" + Math.round((inRange - lowest) * perPoint);
}

function spoken(cell, found, decoded) {
  const start = report.cells[cell].name.replace(" masked", "") + ": ";
  if (!found) return start + (decoded ? "no questions" : "not decoded");
  return (
    start + signed(found.change) + " points, 95 % interval " + signed(found.low) + " to " +
    signed(found.high) + ", " + (found.sure ? "significant" : "not significant")
  );
}

function markSelected(cell) {
  for (const { squares } of panels) {
    for (const square of squares) {
      const chosen = Number(square.dataset.cell) === cell;
      square.setAttribute("aria-pressed", String(chosen));
      square.tabIndex = chosen ? 0 : -1;
    }
  }
}

// Where a key leads from a square (places count as they are drawn), or null.
function placeAfter(key, from, columns, last, toTheEnds) {
  const column = from % columns;
  switch (key) {
    case "ArrowLeft": return column > 0 ? from - 1 : from;
    case "ArrowRight": return column < columns - 1 ? from + 1 : from;
    case "ArrowUp": return from - columns >= 0 ? from - columns : from;
    case "ArrowDown": return from + columns <= last ? from + columns : from;
    case "Home": return toTheEnds ? 0 : from - column;
    case "End": return toTheEnds ? last : from - column + columns - 1;
    default: return null;
  }
}

// The squares of a panel as they stand, with null where a map has none.
function standing({ map, squares }) {
  const ofCell = new Map(squares.map((square) => [Number(square.dataset.cell), square]));
  return report.maps[map].cells.flat().map((cell) => (cell === null ? null : ofCell.get(cell)));
}

function moveFocus(event) {
  const panel = panels.find(({ squares }) => squares.includes(event.target));
  if (!panel || event.altKey || event.metaKey) return;
  const all = standing(panel);
  const columns = report.maps[panel.map].columns.length;
  const from = all.indexOf(event.target);
  const next = placeAfter(event.key, from, columns, all.length - 1, event.ctrlKey);
  if (next === null) return;
  event.preventDefault();
  if (!all[next]) return;
  all[from].tabIndex = -1;
  all[next].tabIndex = 0;
  all[next].focus();
}

// The cell of a map that loses most, to begin with; the first one, if nothing is known of any.
function worstCell({ show, metric }, map, shown) {
  const numbers = numbersOfMap(show, map, metric === "both" ? "exact" : metric, shown);
  let worst = null;
  for (const [cell, { change }] of numbers) {
    if (worst === null || change < numbers.get(worst).change) worst = cell;
  }
  return worst === null ? cellsOf(map)[0] : worst;
}
