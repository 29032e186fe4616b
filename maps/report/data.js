// The data of the page, and how to look things up in it. Nothing here touches what is shown.

const report = JSON.parse(document.getElementById("data").textContent);
const SIGNIFICANT = 0.05;
const CONFIDENCE_UNITS = 1000;

// Distances from one number to the next -> the numbers: [3, 2, 5] -> [3, 5, 10].
function sums(distances) {
  let total = 0;
  return distances.map((distance) => (total += distance));
}

report.questions.passage = sums(report.questions.passage);
for (const { changes } of report.cells) {
  if (changes) changes.questions = sums(changes.questions);
}

// What a cell's map square says of a group of questions, or null where it was not decoded.
function numbersOf(group, cell) {
  const row = group.numbers[cell];
  if (!row) return null;
  const [broken, mended, low, high, p, corrected] = row;
  const change = (100 * (mended - broken)) / group.size;
  const score = (100 * (group.right + mended - broken)) / group.size;
  return { broken, mended, change, score, low, high, p, corrected, sure: corrected < SIGNIFICANT };
}

function isMember(question, rule) {
  if ("word" in rule) return report.questions.word[question] === rule.word;
  if ("answerable" in rule) return report.questions.golds[question].length > 0 === rule.answerable;
  return true;
}

// The answers that a cell changed for a group, in the order of the data file:
// {broken, mended, other}, lists of {question, text, isRight, lost}.
function changesOf(group, cell) {
  const lists = { broken: [], mended: [], other: [] };
  const { changes } = report.cells[cell];
  const { variants, rightVariants, right } = report.questions;
  changes.questions.forEach((question, place) => {
    if (!isMember(question, group.rule)) return;
    const variant = changes.answers[place];
    const isRight = variant < rightVariants[question];
    const wasRight = right[question] === 1;
    const kind = isRight === wasRight ? "other" : wasRight ? "broken" : "mended";
    const lost = changes.lost ? changes.lost[place] / CONFIDENCE_UNITS : null;
    lists[kind].push({ question, text: variants[question][variant], isRight, lost });
  });
  return lists;
}

// A number with a sign: 1.25 -> "+1.3", -0.04 -> "0.0", with a minus sign as long as a plus.
function signed(value, digits = 1) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "\u2212" : "+") + text;
}

function counted(number, one, many) {
  return number.toLocaleString("en") + " " + (number === 1 ? one : many);
}

function probability(p) {
  return p < 0.001 ? "< 0.001" : "= " + p.toFixed(3);
}
