// One question of the list: what was asked, what was answered, where that stands, and which other
// squares change it.

const KIND_NAMES = { broken: "broken", mended: "mended", other: "another answer", same: "unchanged" };
const KIND_SIGNS = { broken: "\u2212", mended: "+", other: "\u00b7", same: "" };

// The readers that are shown side by side.
function viewsShown(state) {
  return Array.from(new Set(panelsOf(state).map(({ view }) => view)));
}

// Each run that is shown, with its answers: {name, before, after}; name is "" if there is one only.
function answersOf(state, question) {
  const runs = viewsShown(state).flatMap((view) =>
    report.views[view].runs.map((run) => ({ run, view, isAlone: report.views[view].runs.length === 1 }))
  );
  return runs.map(({ run, view, isAlone }) => ({
    name: runs.length === 1 ? "" : isAlone ? report.views[view].name : report.runs[run].name,
    before: report.runs[run].baseline[question],
    after: report.runs[run].cells[state.cell] ? masked(run, state.cell, question).answer : null,
  }));
}

function answerLines(state, question) {
  const golds = report.questions.golds[question].map(([text]) => text);
  const lines = element("dl", "answers");
  lines.append(element("dt", "", "Gold"), goldLine(golds));
  for (const { name, before, after } of answersOf(state, question)) {
    const unmasked = answerLine(question, before, "before");
    const changed = after === null ? null : answerLine(question, after, "after");
    if (name) {
      // A line for each of several: without the mask, and with it.
      if (changed) unmasked.append(" \u2192 ", ...changed.childNodes);
      lines.append(element("dt", "names", name), unmasked);
      continue;
    }
    lines.append(element("dt", "", "Baseline"), unmasked);
    if (changed) lines.append(element("dt", "", "Masked"), changed);
  }
  return lines;
}

function goldLine(texts) {
  const line = element("dd", "");
  (texts.length ? texts : [""]).forEach((text, number) => {
    if (number) line.append(" \u00b7 ");
    line.append(answerText(text, "gold"));
  });
  return line;
}

function answerText(text, kind) {
  return text ? element("bdi", kind, text) : element("span", "none-given", "no answer");
}

function answerLine(question, answer, kind) {
  const line = element("dd", "", answerText(report.questions.answers[question][answer], kind));
  const right = isRight(question, answer);
  const f1 = scoreOf("f1", question, answer);
  const verdict = right ? "\u2713 right" : "\u2717 wrong" + (f1 ? ", F1 " + f1.toFixed(2) : "");
  line.append(" ", element("span", "verdict " + (right ? "right" : "wrong"), verdict));
  return line;
}

// The passage with the answers of the first run that is shown, and what cannot be marked.
function passageOf(state, question) {
  const { passage, golds, answers } = report.questions;
  const where = report.passages[passage[question]];
  const goldSpans = goldPlaces(golds[question], where);
  const places = goldSpans.map((span) => ({ kind: "gold", span }));
  const notes = [];
  const [{ before, after }] = answersOf(state, question);
  for (const [kind, name, answer] of [
    ["after", "The masked answer", after],
    ["before", "The baseline's answer", before],
  ]) {
    if (answer === null) continue;
    const text = answers[question][answer];
    const { span, count } = placeOf(text, where, goldSpans);
    if (span) places.push({ kind, span });
    if (text && !span) notes.push(name + " does not stand in the passage word for word.");
    if (count > 1) notes.push(name + " stands there " + count + " times; one is marked.");
  }
  return { shown: markedPassage(where, places), notes };
}

function questionItem(state, question) {
  const { id, text } = report.questions;
  const asked = element("p", "asked", text[question] || "(empty question)");
  asked.dir = "auto";
  const { shown, notes } = passageOf(state, question);
  const lost = confidenceLost(state.show, state.cell, question);
  if (lost !== null) notes.unshift("Confidence lost: " + signed(lost, 3).replace("+", "") + ".");
  const link = element("a", "", element("bdi", "names", id[question]));
  link.href = addressOf({ ...DEFAULTS, show: state.show, beside: state.beside, cell: state.cell,
    list: kindOf(state.show, state.cell, question), q: id[question] });
  const meta = element("p", "meta", notes.join(" ") + " Question ", link);
  const small = element("div", "minis", ...viewsShown(state).map((view) => smallMap(state, view, question)));
  const texts = element("div", "", answerLines(state, question), shown, meta);
  return element("li", "", asked, element("div", "with-minis", texts, small));
}

// The small map --------------------------------------------------------------------------------

// Which squares break this question: the map with a sign in each square.
function smallMap(state, view, question) {
  const { rows, columns, cells } = report.maps[mapOf(state.cell)];
  const kinds = cells.map((row) =>
    row.map((cell) => (cell === null || !isDecoded(view, cell) ? null : kindOf(view, cell, question)))
  );
  const table = element("table", "mini");
  table.append(element("caption", "", captionOf(view, kinds.flat(), state)));
  const head = element("tr", "", element("td", ""), ...columns.map((name) => element("th", "", name)));
  table.append(head);
  kinds.forEach((row, number) => {
    const line = element("tr", "", element("th", "", rows[number]));
    row.forEach((kind, column) => line.append(smallSquare(state, cells[number][column], kind)));
    table.append(line);
  });
  return table;
}

function smallSquare(state, cell, kind) {
  const made = element("td", kind || "none", kind ? KIND_SIGNS[kind] : "");
  if (cell === null) return made;
  made.title = report.cells[cell].name + ": " + (kind ? KIND_NAMES[kind] : "not decoded");
  made.dataset.goTo = cell;
  if (cell === state.cell) made.classList.add("here");
  return made;
}

function captionOf(view, kinds, state) {
  const decoded = kinds.filter(Boolean).length;
  const broken = kinds.filter((kind) => kind === "broken").length;
  const mended = kinds.filter((kind) => kind === "mended").length;
  const name = viewsShown(state).length > 1 ? report.views[view].name + ": " : "";
  const parts = [];
  if (broken || !mended) parts.push("broken by " + broken);
  if (mended) parts.push("mended by " + mended);
  return name + parts.join(", ").replace(/^./, (first) => (name ? first : first.toUpperCase())) + " of " + counted(decoded, "square");
}
