// What is shown of one cell: its numbers and the questions whose answers it changed.

const AT_ONCE = 10;
const LIST_NAMES = { broken: "Broken", mended: "Mended", other: "Other" };
const LIST_NOTES = {
  broken: "Right with nothing masked, wrong with the mask.",
  mended: "Wrong with nothing masked, right with the mask.",
  other: "Another answer that counts the same: still right, or still wrong.",
};
const WITH_LISTS =
  "Confidence lost: the probability of the baseline's answer in the n-best list without the mask, " +
  "minus that with it.";
const WITHOUT_LISTS =
  "Confidence lost: the baseline's probability of its own answer minus its probability of the masked " +
  "reader's (from the baseline's n-best list alone: the cell has none).";
const NO_LISTS = "There is no n-best file of the baseline, so confidence is not known; in the data file's order.";

const details = document.getElementById("details");
const tabs = Array.from(document.querySelectorAll("[data-list]"));
const sorting = document.getElementById("sort");
const list = document.getElementById("questions");
const more = document.getElementById("more");

function showNumbers(group, cell, numbers) {
  document.getElementById("cell-heading").textContent =
    report.cells[cell].name;
  document.getElementById("cell-meaning").textContent = report.readings[report.cells[cell].zone] || "";
  const place = document.getElementById("cell-numbers");
  place.textContent = "";
  if (!numbers) {
    place.append(element("p", "notice", "This cell was not decoded: there is no prediction file of it."));
    return;
  }
  const { change, low, high, broken, mended, score } = numbers;
  const interval = "95 % interval " + signed(low) + " to " + signed(high);
  const baseline = ((100 * group.right) / group.size).toFixed(2);
  const scores = baseline + " \u2192 " + score.toFixed(2) + " %";
  const tested = "p " + probability(numbers.corrected);
  const entries = [
    ["Change in exact match", signed(change, 2) + " points", interval],
    ["Exact match", scores, "of " + counted(group.size, "question", "questions")],
    ["Questions", broken.toLocaleString("en") + " broken", mended.toLocaleString("en") + " mended"],
    ["Test, clustered by passage", numbers.sure ? "significant" : "not significant", tested + ", by Holm"],
  ];
  const shown = element("dl", "numbers");
  for (const [name, value, small] of entries) {
    const pair = element("div", "", element("dt", "", name));
    pair.append(element("dd", "", value, element("small", "", small)));
    shown.append(pair);
  }
  place.append(shown);
}

function answerLines(change) {
  const { golds, baseline, right } = report.questions;
  const texts = golds[change.question].map(([text]) => text);
  const lines = element("dl", "answers");
  lines.append(element("dt", "", "Gold"), answerOf(texts.length ? texts : [""], "gold"));
  const before = answerOf([baseline[change.question]], "before", right[change.question] === 1);
  lines.append(element("dt", "", "Baseline"), before);
  lines.append(element("dt", "", "Masked"), answerOf([change.text], "after", change.isRight));
  return lines;
}

// Answers in one line; isRight is left out for gold ones.
function answerOf(texts, kind, isRight) {
  const line = element("dd", "");
  texts.forEach((text, index) => {
    if (index) line.append(" \u00b7 ");
    line.append(text ? element("bdi", kind, text) : element("span", "none-given", "no answer"));
  });
  if (isRight !== undefined) {
    line.append(" ", element("span", "verdict " + (isRight ? "right" : "wrong"), isRight ? "\u2713 right" : "\u2717 wrong"));
  }
  return line;
}

function questionItem(change) {
  const { id, text, passage, golds, baseline } = report.questions;
  const question = change.question;
  const asked = element("p", "asked", text[question] || "(empty question)");
  asked.dir = "auto";
  const where = report.passages[passage[question]];
  const goldSpans = goldPlaces(golds[question], where);
  const places = goldSpans.map((span) => ({ kind: "gold", span }));
  const notes = [];
  for (const [kind, name, answer] of [
    ["after", "The masked answer", change.text],
    ["before", "The baseline's answer", baseline[question]],
  ]) {
    const { span, count } = placeOf(answer, where, goldSpans);
    if (span) places.push({ kind, span });
    if (answer && !span) notes.push(name + " does not stand in the passage word for word.");
    if (count > 1) notes.push(name + " stands there " + count + " times; one is marked.");
  }
  const item = element("li", "", asked, answerLines(change), markedPassage(where, places));
  if (change.lost !== null) notes.unshift("Confidence lost: " + signed(change.lost, 3).replace("+", "") + ".");
  const meta = element("p", "meta", notes.join(" ") + " Question ");
  meta.append(element("bdi", "names", id[question]));
  item.append(meta);
  return item;
}

function sortedChanges(changes) {
  if (sorting.value !== "lost" || changes.some(({ lost }) => lost === null)) return changes;
  return changes.slice().sort((a, b) => b.lost - a.lost || a.question - b.question);
}

// Appends the next questions; the focus goes to the first of them if a button asked for it.
function showMore(changes, moveFocusThere) {
  const shown = list.children.length;
  const next = changes.slice(shown, shown + AT_ONCE).map(questionItem);
  list.append(...next);
  const left = changes.length - shown - next.length;
  more.hidden = left <= 0;
  more.textContent = "Show " + Math.min(AT_ONCE, left) + " more of " + left.toLocaleString("en");
  if (moveFocusThere && next.length) {
    next[0].tabIndex = -1;
    next[0].focus({ preventScroll: left > 0 });
  }
}

function showQuestions(cell, lists, chosen) {
  for (const tab of tabs) {
    const name = tab.dataset.list;
    tab.textContent = LIST_NAMES[name] + " " + lists[name].length.toLocaleString("en");
    tab.setAttribute("aria-pressed", String(name === chosen));
  }
  const { lost, hasLists } = report.cells[cell].changes;
  sorting.disabled = lost === null;
  const measure = lost === null ? NO_LISTS : hasLists ? WITH_LISTS : WITHOUT_LISTS;
  const changes = sortedChanges(lists[chosen]);
  const note = LIST_NAMES[chosen] + ": " + counted(changes.length, "question", "questions") + ". " + LIST_NOTES[chosen];
  document.getElementById("list-note").textContent = note + " " + measure;
  list.textContent = "";
  showMore(changes, false);
  return changes;
}
