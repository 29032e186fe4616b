// The map: a grid of buttons, one of which is in the tab order; the arrow keys move among them.

const tables = Array.from(document.querySelectorAll("#map .grid"));
let squares, columns;

// Shows one of the maps: layers by zones, layers by heads, ...
function useMap(index) {
  tables.forEach((table, place) => (table.hidden = place !== index));
  squares = Array.from(tables[index].querySelectorAll(".square"));
  columns = report.maps[index].columns.length;
  document.querySelector("main").classList.toggle("wide", columns > 8);
}

function drawMap(group) {
  for (const square of squares) {
    const cell = Number(square.dataset.cell);
    const numbers = numbersOf(group, cell);
    square.className = "square " + colourOf(numbers) + (numbers && !numbers.sure ? " unsure" : "");
    square.textContent = numbers ? signed(numbers.change).replace("+", "") : "";
    square.setAttribute("aria-label", spoken(cell, numbers));
  }
  const baseline = ((100 * group.right) / group.size).toFixed(2);
  document.getElementById("reading").textContent =
    "With nothing masked it is " + baseline + " % of " + counted(group.size, "question", "questions") + ".";
}

// The style class of a change: v0 is the lowest colour, one step each tenth of a point.
function colourOf(numbers) {
  if (!numbers) return "none";
  const { lowest, highest, perPoint } = report.colours;
  const inRange = Math.min(highest, Math.max(lowest, numbers.change));
  return "v" + Math.round((inRange - lowest) * perPoint);
}

function spoken(cell, numbers) {
  const place = report.cells[cell].name.replace(" masked", "") + ": ";
  if (!numbers) return place + "not decoded";
  return (
    place + signed(numbers.change) + " points, 95 % interval " + signed(numbers.low) + " to " +
    signed(numbers.high) + ", " + (numbers.sure ? "significant" : "not significant")
  );
}

function markSelected(cell) {
  for (const square of squares) {
    const chosen = Number(square.dataset.cell) === cell;
    square.setAttribute("aria-pressed", String(chosen));
    square.tabIndex = chosen ? 0 : -1;
  }
}

// Where a key leads from a square (places count as they are drawn), or null.
function placeAfter(key, place, toTheEnds) {
  const column = place % columns;
  const last = squares.length - 1;
  switch (key) {
    case "ArrowLeft": return column > 0 ? place - 1 : place;
    case "ArrowRight": return column < columns - 1 ? place + 1 : place;
    case "ArrowUp": return place - columns >= 0 ? place - columns : place;
    case "ArrowDown": return place + columns <= last ? place + columns : place;
    case "Home": return toTheEnds ? 0 : place - column;
    case "End": return toTheEnds ? last : place - column + columns - 1;
    default: return null;
  }
}

function moveFocus(event) {
  const place = squares.indexOf(event.target);
  if (place < 0 || event.altKey || event.metaKey) return;
  const next = placeAfter(event.key, place, event.ctrlKey);
  if (next === null) return;
  event.preventDefault();
  squares[place].tabIndex = -1;
  squares[next].tabIndex = 0;
  squares[next].focus();
}

// The cell that loses most, to begin with.
function worstCell(group) {
  let worst = null;
  for (const square of squares) {
    const cell = Number(square.dataset.cell);
    const numbers = numbersOf(group, cell);
    if (numbers && (worst === null || numbers.change < numbersOf(group, worst).change)) worst = cell;
  }
  return worst;
}
