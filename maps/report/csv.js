// What is shown, as CSV files for spreadsheets and scripts.

// Spreadsheets take a text that begins so for a formula; an apostrophe tells them that it is none.
const FORMULA = /^[=+\-@\t\r]/;

function csvField(value) {
  if (typeof value === "number") return String(value);
  const text = value === null || value === undefined ? "" : String(value);
  return '"' + (FORMULA.test(text) ? "'" + text : text).replace(/"/g, '""') + '"';
}

function csvOf(head, rows) {
  return [head, ...rows].map((row) => row.map(csvField).join(",") + "\r\n").join("");
}

function rounded(value) {
  return Number(value.toPrecision(6));
}

// A line for each square of the maps shown; layers and heads count from 1.
function csvOfMaps(shown) {
  const head = ["reader", "metric", "layer", "head", "zone", "questions", "baseline", "score", "change",
    "low", "high", "p", "p_holm", "significant"];
  const isWeighed = panels.some(({ metric }) => metric === WEIGHT);
  if (isWeighed) head.push("weight");
  const rows = panels.filter(({ metric }) => metric !== WEIGHT).flatMap(({ view, metric, map }) => {
    const before = shown.members.length ? baselineOf(view, metric, shown) : 0;
    return Array.from(numbersOfMap(view, map, metric, shown), ([cell, found]) => {
      const { layer, head: ofHead, zone } = report.cells[cell];
      const weight = isWeighed ? [weightOf(view, cell)] : [];
      const numbers = [before, before + found.change, found.change, found.low, found.high, found.p, found.corrected];
      return [report.views[view].name, metric, layer, ofHead, zone, shown.members.length,
        ...numbers.map(rounded), found.sure ? "yes" : "no", ...weight];
    });
  });
  return csvOf(head, rows);
}

// A line for each question in the list (of each run that is shown), all of them, not only those on
// the page so far.
function csvOfQuestions(state, questions) {
  const head = ["id", "question", "gold", "reader", "cell", "change", "baseline", "baseline_exact", "baseline_f1",
    "masked", "masked_exact", "masked_f1", "confidence_lost"];
  const { id, text, golds, answers } = report.questions;
  const rows = questions.flatMap((question) =>
    answersOf(state, question).map(({ name, before, after }) => [
      id[question], text[question], golds[question].map(([gold]) => gold).join(" | "),
      name || report.views[state.show].name, report.cells[state.cell].name, state.list,
      ...[before, after].flatMap((answer) => answer === null ? [null, null, null] : [
        answers[question][answer], scoreOf("exact", question, answer), scoreOf("f1", question, answer),
      ]),
      confidenceLost(state.show, state.cell, question),
    ])
  );
  return csvOf(head, rows);
}

function save(name, text) {
  // The mark tells spreadsheets that it is UTF-8.
  const blob = new Blob(["\ufeff" + text], { type: "text/csv" });
  const link = element("a", "");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
