// The data of the page, and how to look things up in it. Nothing here touches what is shown.

const report = JSON.parse(document.getElementById("data").textContent);
const CONFIDENCE_UNITS = 1000;
const F1_UNITS = 10000;
const METRICS = { exact: "exact match", f1: "F1" };

// Distances from one number to the next -> the numbers: [3, 2, 5] -> [3, 5, 10].
function sums(distances) {
  let total = 0;
  return distances.map((distance) => (total += distance));
}

report.questions.passage = sums(report.questions.passage);
for (const { cells } of report.runs) {
  for (const changes of cells) if (changes) changes.questions = sums(changes.questions);
}

function isRight(question, answer) {
  return answer < report.questions.numRight[question];
}

// The score of an answer, 0 to 1.
function scoreOf(metric, question, answer) {
  if (metric === "exact") return isRight(question, answer) ? 1 : 0;
  return report.questions.f1[question][answer] / F1_UNITS;
}

// What the mask of a cell changed in a run: [[question, difference of the score], ...].
const knownDifferences = new Map();
function differencesOf(run, cell, metric) {
  const key = run + " " + cell + " " + metric;
  if (!knownDifferences.has(key)) {
    const { baseline, cells } = report.runs[run];
    const pairs = [];
    cells[cell].questions.forEach((question, place) => {
      const after = scoreOf(metric, question, cells[cell].answers[place]);
      const difference = after - scoreOf(metric, question, baseline[question]);
      if (difference) pairs.push([question, difference]);
    });
    knownDifferences.set(key, pairs);
  }
  return knownDifferences.get(key);
}

function isDecoded(view, cell) {
  return report.views[view].runs.every((run) => report.runs[run].cells[cell]);
}

// The baseline's score of the questions shown, in percent, on average over the runs of a view.
function baselineOf(view, metric, { members }) {
  const { runs } = report.views[view];
  let total = 0;
  for (const run of runs) {
    const { baseline } = report.runs[run];
    for (const question of members) total += scoreOf(metric, question, baseline[question]);
  }
  return (100 * total) / runs.length / members.length;
}

// For each cell of a map what its square says of the questions shown, or null where it was not
// decoded: {change, low, high, p, corrected, sure}, corrected over the squares of that map.
function numbersOfMap(view, map, metric, shown) {
  return remembered(shown, ["map", view, map, metric], () =>
    tested(cellsOf(map).filter((cell) => isDecoded(view, cell)), shown, (cell) =>
      report.views[view].runs.map((run) => differencesOf(run, cell, metric))
    )
  );
}

// By how much more the mask changes one reader than another; only for single runs.
function differencesOfMaps(first, second, map, metric, shown) {
  return remembered(shown, ["difference", first, second, map, metric], () => {
    const both = cellsOf(map).filter((cell) => isDecoded(first, cell) && isDecoded(second, cell));
    const [one, other] = [first, second].map((view) => report.views[view].runs[0]);
    return tested(both, shown, (cell) => {
      const total = new Map(differencesOf(other, cell, metric));
      for (const [question, difference] of differencesOf(one, cell, metric)) {
        total.set(question, (total.get(question) || 0) - difference);
      }
      return [Array.from(total)];
    });
  });
}

function tested(cells, { clusters }, runsOf) {
  const found = new Map();
  if (!clusters.count) return found;
  for (const cell of cells) found.set(cell, changeOf(runsOf(cell), clusters));
  const all = Array.from(found.values());
  holm(all.map(({ p }) => p)).forEach((corrected, place) => {
    all[place].corrected = corrected;
    all[place].sure = corrected < SIGNIFICANT;
  });
  return found;
}

function remembered(shown, words, count) {
  const key = words.join(" ");
  if (!shown.known.has(key)) shown.known.set(key, count());
  return shown.known.get(key);
}

function cellsOf(map) {
  return report.maps[map].cells.flat().filter((cell) => cell !== null);
}

function mapOf(cell) {
  return report.maps.findIndex((_, map) => cellsOf(map).includes(cell));
}

// Where a number stands in a sorted list, or -1.
function placeIn(sorted, number) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < number) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === number ? low : -1;
}

// What a run answers to a question with a cell masked: {answer, lost}.
function masked(run, cell, question) {
  const { baseline, cells } = report.runs[run];
  const place = placeIn(cells[cell].questions, question);
  if (place < 0) return { answer: baseline[question], lost: null };
  const { answers, lost } = cells[cell];
  return { answer: answers[place], lost: lost ? lost[place] / CONFIDENCE_UNITS : null };
}

// What a mask did to a question: broken, mended, other (another answer that counts the same) or
// same; on average over the runs of the view.
function kindOf(view, cell, question) {
  let [change, differs] = [0, false];
  for (const run of report.views[view].runs) {
    const before = report.runs[run].baseline[question];
    const { answer } = masked(run, cell, question);
    differs = differs || answer !== before;
    change += isRight(question, answer) - isRight(question, before);
  }
  if (change) return change < 0 ? "broken" : "mended";
  return differs ? "other" : "same";
}

// The questions shown, by what the mask did to them, in the order of the data file.
function listsOf(view, cell, shown) {
  return remembered(shown, ["lists", view, cell], () => {
    const lists = { broken: [], mended: [], other: [], same: [] };
    for (const question of shown.members) lists[kindOf(view, cell, question)].push(question);
    return lists;
  });
}

// The confidence that a mask took from the baseline's answer; on average over the runs; null if no
// answer changed, or nothing is known of it.
function confidenceLost(view, cell, question) {
  const known = report.views[view].runs.map((run) => masked(run, cell, question).lost);
  const numbers = known.filter((lost) => lost !== null);
  return numbers.length ? numbers.reduce((a, b) => a + b, 0) / known.length : null;
}

// Numbers as people read them ---------------------------------------------------------------------

// With a sign: 1.25 -> "+1.3", -0.04 -> "0.0", with a minus sign as long as a plus.
function signed(value, digits = 1) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "\u2212" : "+") + text;
}

function counted(number, one, many = one + "s") {
  return number.toLocaleString("en") + " " + (number === 1 ? one : many);
}

function probability(p) {
  return p < 0.001 ? "< 0.001" : "= " + p.toFixed(3);
}
