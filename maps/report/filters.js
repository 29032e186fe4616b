// Which questions are shown: a selection by question word, lengths, answerable or not, and search.

// The questions of a state: {members, clusters, known: what was counted of them}.
let lastSelection = { key: null };
function selectionOf(state) {
  const key = JSON.stringify(["word", "answerable", "answer", "passage", "q"].map((name) => state[name]));
  if (lastSelection.key !== key) {
    const fits = allOf([
      wordFilter(state.word),
      answerableFilter(state.answerable),
      lengthFilter(report.questions.answerLength, state.answer),
      lengthFilter(report.questions.passageLength, state.passage),
      searchFilter(state.q),
    ]);
    const members = report.questions.id.map((_, question) => question).filter(fits);
    const clusters = clustersAmong(members, report.questions.passage);
    lastSelection = { key, members, clusters, known: new Map() };
  }
  return lastSelection;
}

function allOf(filters) {
  const wanted = filters.filter(Boolean);
  return (question) => wanted.every((fits) => fits(question));
}

function wordFilter(word) {
  if (word === "any") return null;
  const number = report.words.indexOf(word);
  return (question) => report.questions.word[question] === number;
}

function answerableFilter(answerable) {
  if (answerable === "any") return null;
  return (question) => report.questions.golds[question].length > 0 === (answerable === "yes");
}

function lengthFilter(lengthsOf, range) {
  if (range === "any") return null;
  const [shortest, longest = shortest] = range.split("-").map(Number);
  return (question) => shortest <= lengthsOf[question] && lengthsOf[question] <= longest;
}

// Every text of a question in lower case, made once: its id, itself, gold and given answers.
let searchTexts = null;
function prepareSearch() {
  const { id, text, golds, answers } = report.questions;
  const ofQuestions = id.map((name, question) =>
    [name, text[question], ...golds[question].map(([gold]) => gold), ...answers[question]].join("\n").toLowerCase()
  );
  searchTexts = { ofQuestions, ofPassages: report.passages.map((passage) => passage.toLowerCase()) };
}

function searchFilter(asked) {
  const words = asked.trim().toLowerCase();
  if (!words) return null;
  if (!searchTexts) prepareSearch();
  const { ofQuestions, ofPassages } = searchTexts;
  const passages = ofPassages.map((passage) => passage.includes(words));
  return (question) => passages[report.questions.passage[question]] || ofQuestions[question].includes(words);
}

// The form ----------------------------------------------------------------------------------------

const form = document.getElementById("filter");

// A range that somebody wrote into an address is offered, too.
function offer(select, value) {
  if (!Array.from(select.options).some((option) => option.value === value)) {
    select.append(new Option(value.replace("-", "\u2013"), value));
  }
  select.value = value;
}

function showFilters(state, selection) {
  for (const radio of form.querySelectorAll("[name=word]")) radio.checked = radio.value === state.word;
  for (const name of ["answerable", "answer", "passage"]) {
    const select = form.elements[name];
    if (select) offer(select, state[name]);
  }
  if (form.elements.q.value !== state.q) form.elements.q.value = state.q;
  const all = report.questions.id.length;
  const isWhole = selection.members.length === all;
  document.getElementById("reset").hidden = isWhole;
  document.getElementById("selected").textContent = isWhole
    ? counted(all, "question")
    : selection.members.length.toLocaleString("en") + " of " + counted(all, "question");
}

function filtersOf() {
  const { word, answerable, answer, passage, q } = form.elements;
  return {
    word: word.value,
    answerable: answerable ? answerable.value : "any",
    answer: answer.value,
    passage: passage.value,
    q: q.value,
  };
}
