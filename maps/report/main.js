// What happens when. The state of the page is what its address says; whatever changes goes there.

let state = null;
let questions = [];

function show(next) {
  const shown = selectionOf(next);
  if (next.cell === null) next.cell = worstCell(next, 0, shown);
  state = next;
  const map = mapOf(state.cell);
  showChoices(map);
  showFilters(state, shown);
  arrangePanels(state, map);
  for (const panel of panels) drawPanel(panel, shown);
  showCorrelations(shown);
  markSelected(state.cell);
  details.hidden = false;
  showNumbers(state, shown);
  questions = showQuestions(state, shown);
  // The form and the address bar are not printed.
  document.getElementById("paper").textContent =
    document.getElementById("selected").textContent + " (" + addressOf(state) + ")";
}

function showChoices(map) {
  const choices = document.getElementById("choices").elements;
  choices.metric.value = state.metric;
  for (const name of ["sort", "there"]) document.getElementById(name).value = state[name];
  if (choices.map) choices.map.value = String(map);
  if (choices.show) choices.show.value = String(state.show);
  if (choices.beside) choices.beside.value = state.beside === null ? "none" : String(state.beside);
}

// Shows a change and writes it into the address; each is a step back, but for typing.
function change(parts, isTyping = false) {
  show({ ...state, ...parts });
  const address = addressOf(state);
  document.getElementById("unknown").hidden = true;
  if (address === location.hash) return;
  if (isTyping) location.replace(address);
  else location.hash = address;
}

// Shows what the address says, unless it is what is shown.
function showAddress() {
  if (state && location.hash === addressOf(state)) return;
  const { state: asked, unknown } = stateOf(location.hash);
  const notice = document.getElementById("unknown");
  notice.hidden = !unknown.length;
  notice.textContent = "The address names what is not in this report: " + unknown.join(", ");
  show(asked);
}

window.addEventListener("hashchange", showAddress);

// The maps ----------------------------------------------------------------------------------------

place.addEventListener("click", (event) => {
  const square = event.target.closest(".square");
  if (!square) return;
  change({ cell: Number(square.dataset.cell) });
  // Where the details are below the map, as on a phone, show that something happened there.
  const { top } = details.getBoundingClientRect();
  if (top > window.innerHeight * 0.8) details.scrollIntoView();
});
place.addEventListener("keydown", moveFocus);

document.getElementById("back").addEventListener("click", () => {
  const square = panels[0].squares.find((one) => one.tabIndex === 0);
  document.querySelector(".map").scrollIntoView();
  if (square) square.focus({ preventScroll: true });
});

document.getElementById("choices").addEventListener("change", (event) => {
  const { name, value } = event.target;
  if (name === "map") {
    change({ cell: worstCell(state, Number(value), selectionOf(state)) });
  } else if (name === "metric") {
    change({ metric: value });
  } else {
    change({ [name]: value === "none" ? null : Number(value) });
  }
});

// The filters -------------------------------------------------------------------------------------

for (const one of document.forms) one.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => change(filtersOf()));
let typing = null;
form.elements.q.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => change(filtersOf(), true), 150);
});
document.getElementById("reset").addEventListener("click", () => {
  const none = ["word", "answerable", "answer", "passage", "q"].map((name) => [name, DEFAULTS[name]]);
  change(Object.fromEntries(none));
  form.elements.q.focus();
});

// The list ----------------------------------------------------------------------------------------

for (const tab of document.querySelectorAll("[data-list]")) {
  tab.addEventListener("click", () => change({ list: tab.dataset.list }));
}
for (const name of ["sort", "there"]) {
  document.getElementById(name).addEventListener("change", (event) => change({ [name]: event.target.value }));
}
more.addEventListener("click", () => showMore(state, questions, true));
list.addEventListener("click", (event) => {
  const cell = event.target.dataset.goTo;
  if (cell !== undefined) change({ cell: Number(cell) });
});
document.getElementById("csv-map").addEventListener("click", () => {
  save("map.csv", csvOfMaps(selectionOf(state)));
});
document.getElementById("csv-questions").addEventListener("click", () => {
  save("questions.csv", csvOfQuestions(state, questions));
});

// Paper shows what is folded on the screen.
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});

showAddress();
