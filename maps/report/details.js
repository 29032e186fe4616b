// What is shown of one cell: its numbers and the questions whose answers it changed.

const AT_ONCE = 10;
const LIST_NAMES = { broken: "Broken", mended: "Mended", other: "Other", same: "Unchanged" };
const LIST_NOTES = {
  broken: "Right with nothing masked, wrong with the mask.",
  mended: "Wrong with nothing masked, right with the mask.",
  other: "Another answer that counts the same: still right, or still wrong.",
  same: "The mask left the answer as it was.",
};
const LIST_EMPTY = {
  broken: "this mask broke none of the questions shown.",
  mended: "this mask mended none of the questions shown.",
  other: "this mask gave no other answer that counts the same.",
  same: "this mask changed every answer.",
};
const WITH_LISTS =
  "Confidence lost: the probability of the baseline's answer in the n-best list without the mask, " +
  "minus that with it.";
const WITHOUT_LISTS =
  "Confidence lost: the baseline's probability of its own answer minus its probability of the masked " +
  "reader's (from the baseline's n-best list alone: the cell has none).";
const NO_LISTS = "There is no n-best file of the baseline, so confidence is not known; in the data file's order.";

const details = document.getElementById("details");
const list = document.getElementById("questions");
const more = document.getElementById("more");

// The numbers -------------------------------------------------------------------------------------

function showNumbers(state, shown) {
  const { name, zone } = report.cells[state.cell];
  document.getElementById("cell-heading").textContent = name;
  document.getElementById("cell-meaning").textContent = report.readings[zone] || "";
  const where = document.getElementById("cell-numbers");
  where.textContent = "";
  const views = viewsShown(state);
  for (const view of views) where.append(numbersTable(state, view, shown, views.length > 1));
  const line = differenceLine(state, views, shown);
  if (line) where.append(element("p", "difference", line));
}

function numbersTable(state, view, shown, isNamed) {
  if (!isDecoded(view, state.cell)) {
    const start = isNamed ? report.views[view].name + ": this" : "This";
    return element("p", "notice", start + " cell was not decoded: there is no prediction file of it.");
  }
  const map = mapOf(state.cell);
  const metrics = Object.keys(METRICS);
  const found = metrics.map((metric) => numbersOfMap(view, map, metric, shown).get(state.cell));
  if (!found[0]) return element("p", "notice", "Nothing here: no question fits the filters.");
  const before = metrics.map((metric) => baselineOf(view, metric, shown));
  const lists = listsOf(view, state.cell, shown);
  const table = element("table", "numbers");
  if (isNamed) table.append(element("caption", "names", report.views[view].name));
  table.append(numbersRow("th", "", ["Exact match", "F1"]));
  table.append(numbersRow("td", "Change, points", found.map(({ change }) => element("b", "", signed(change, 2)))));
  table.append(numbersRow("td", "95 % interval", found.map(({ low, high }) => signed(low) + " to " + signed(high))));
  table.append(numbersRow("td", "Score, %", found.map(({ change }, place) =>
    before[place].toFixed(2) + " \u2192 " + (before[place] + change).toFixed(2))));
  table.append(numbersRow("td", "p, by Holm", found.map(({ corrected }) => probability(corrected).replace("= ", ""))));
  table.append(numbersRow("td", "Test", found.map(({ sure }) => (sure ? "significant" : "not significant"))));
  const [broken, mended, all] = [lists.broken, lists.mended, shown.members].map(({ length }) => length.toLocaleString("en"));
  const counts = numbersRow("td", "Questions", [broken + " broken, " + mended + " mended, of " + all]);
  counts.lastChild.colSpan = 2;
  table.append(counts);
  const weight = weightOf(view, state.cell);
  if (weight !== null) {
    table.append(numbersRow("td", "Looked at", [percentOf(weight) + " of its tokens' weight"]));
    table.lastChild.lastChild.colSpan = 2;
  }
  return table;
}

function numbersRow(tag, name, contents) {
  const row = element("tr", "", element("th", "", name));
  row.append(...contents.map((content) => element(tag, "", content)));
  return row;
}

// How differently a mask changes two readers.
function differenceLine(state, views, shown) {
  const isPair = views.length === 2 && views.every((view) => report.views[view].runs.length === 1);
  if (!isPair) return "";
  const metric = state.metric === "f1" ? "f1" : "exact";
  const found = differencesOfMaps(views[0], views[1], mapOf(state.cell), metric, shown).get(state.cell);
  if (!found) return "";
  return (
    "Difference of the two changes, second minus first: " + signed(found.change, 2) + " points (" +
    METRICS[metric] + "; 95 % interval " + signed(found.low) + " to " + signed(found.high) + "; " +
    (found.sure ? "significant" : "not significant") + ", p " + probability(found.corrected) + ")."
  );
}

// The list of questions ---------------------------------------------------------------------------

// The questions of a state, in the order in which they are listed.
function listedQuestions(state, shown) {
  if (!isDecoded(state.show, state.cell)) return [];
  const chosen = listsOf(state.show, state.cell, shown)[state.list].filter(isSoThere(state));
  const lost = new Map(chosen.map((question) => [question, confidenceLost(state.show, state.cell, question)]));
  if (state.sort !== "lost" || Array.from(lost.values()).includes(null)) return chosen;
  return chosen.slice().sort((a, b) => lost.get(b) - lost.get(a) || a - b);
}

function isSoThere(state) {
  const other = viewsShown(state)[1];
  if (other === undefined || state.there === "any" || !isDecoded(other, state.cell)) return () => true;
  return (question) => kindOf(other, state.cell, question) === state.there;
}

function showTabs(state, lists) {
  for (const tab of document.querySelectorAll("[data-list]")) {
    const name = tab.dataset.list;
    tab.textContent = LIST_NAMES[name] + " " + lists[name].length.toLocaleString("en");
    tab.setAttribute("aria-pressed", String(name === state.list));
  }
  document.getElementById("there-label").hidden = viewsShown(state).length < 2;
}

function measureOf(state) {
  const changes = report.views[state.show].runs.map((run) => report.runs[run].cells[state.cell]);
  const isKnown = changes.every(({ lost }) => lost !== null);
  document.getElementById("sort").disabled = !isKnown;
  if (!isKnown) return NO_LISTS;
  if (state.list === "same") return "In the data file's order.";
  return changes.every(({ hasLists }) => hasLists) ? WITH_LISTS : WITHOUT_LISTS;
}

function showQuestions(state, shown) {
  const decoded = isDecoded(state.show, state.cell) && shown.members.length > 0;
  document.getElementById("cell-questions").hidden = !decoded;
  list.textContent = "";
  if (!decoded) return [];
  showTabs(state, listsOf(state.show, state.cell, shown));
  const questions = listedQuestions(state, shown);
  const count = counted(questions.length, "question") + ". ";
  document.getElementById("list-note").textContent =
    LIST_NAMES[state.list] + ": " + count + LIST_NOTES[state.list] + " " + measureOf(state);
  const empty = document.getElementById("empty");
  empty.hidden = questions.length > 0;
  empty.textContent = "Nothing here: " +
    (listsOf(state.show, state.cell, shown)[state.list].length
      ? "none of these is so in the reader beside."
      : LIST_EMPTY[state.list]);
  document.getElementById("key").hidden = !questions.length;
  document.getElementById("csv-questions").disabled = !questions.length;
  showMore(state, questions, false);
  return questions;
}

// Appends the next questions; the focus goes to the first of them if a button asked for it.
function showMore(state, questions, moveFocusThere) {
  const shown = list.children.length;
  const next = questions.slice(shown, shown + AT_ONCE).map((question) => questionItem(state, question));
  list.append(...next);
  const left = questions.length - shown - next.length;
  more.hidden = left <= 0;
  more.textContent = "Show " + Math.min(AT_ONCE, left) + " more of " + left.toLocaleString("en");
  if (moveFocusThere && next.length) {
    next[0].tabIndex = -1;
    next[0].focus({ preventScroll: left > 0 });
  }
}
