// What happens when: the state of the page is a group of questions, a cell and a list.

const state = { group: 0, cell: null, list: "broken", changes: [] };

function showCell() {
  const group = report.groups[state.group];
  const numbers = numbersOf(group, state.cell);
  details.hidden = false;
  showNumbers(group, state.cell, numbers);
  document.getElementById("cell-questions").hidden = !numbers;
  markSelected(state.cell);
  if (numbers) state.changes = showQuestions(state.cell, changesOf(group, state.cell), state.list);
}

function selectGroup(index) {
  state.group = index;
  drawMap(report.groups[index]);
  if (state.cell !== null) showCell();
}

document.getElementById("map").addEventListener("click", (event) => {
  const square = event.target.closest(".square");
  if (!square) return;
  state.cell = Number(square.dataset.cell);
  showCell();
  // Where the details are below the map, as on a phone, show that something happened there.
  const top = details.getBoundingClientRect().top;
  if (top > window.innerHeight * 0.8) details.scrollIntoView();
});
document.getElementById("map").addEventListener("keydown", moveFocus);
document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
document.querySelector(".filter").addEventListener("change", (event) => {
  selectGroup(Number(event.target.value));
});
for (const tab of tabs) {
  tab.addEventListener("click", () => {
    state.list = tab.dataset.list;
    showCell();
  });
}
sorting.addEventListener("change", showCell);
more.addEventListener("click", () => showMore(state.changes, true));

function selectMap(index) {
  useMap(index);
  state.cell = worstCell(report.groups[state.group]);
  selectGroup(state.group);
}

const whichMap = document.getElementById("which-map");
if (whichMap) whichMap.addEventListener("change", () => selectMap(Number(whichMap.value)));
selectMap(0);
