// Every state of the page is in its address, so that it can be sent:
//   #layer=3&zone=p2q&list=mended&q=Paris
// Layers, heads and readers count from 1, as on the page.

const LISTS = ["broken", "mended", "other", "same"];
const DEFAULTS = {
  show: 0, // a number of report.views
  beside: report.beside, // another one, or null
  metric: "exact", // or "f1", or "both"
  cell: null,
  list: "broken",
  there: "any", // what the mask does to a question in the reader beside
  sort: "lost", // or "file"
  word: "any",
  answerable: "any",
  answer: "any", // lengths, such as "3-4"
  passage: "any",
  q: "",
};

// How a part of the state is written, and read: undefined if it is nothing in this report.
const oneOf = (...names) => ({
  write: String,
  read: (text) => (names.includes(text) ? text : undefined),
});
const viewNumber = {
  write: (view) => (view === null ? "none" : String(view + 1)),
  read: (text) => (report.views[Number(text) - 1] ? Number(text) - 1 : undefined),
};
const lengths = {
  write: String,
  read: (text) => (/^(any|\d+(-\d+)?)$/.test(text) ? text : undefined),
};
const PARTS = {
  show: viewNumber,
  beside: { ...viewNumber, read: (text) => (text === "none" ? null : viewNumber.read(text)) },
  metric: oneOf("exact", "f1", "both"),
  list: oneOf(...LISTS),
  there: oneOf("any", ...LISTS),
  sort: oneOf("lost", "file"),
  word: oneOf("any", ...report.words),
  answerable: oneOf("any", "yes", "no"),
  answer: lengths,
  passage: lengths,
  q: { write: String, read: String },
};

function addressOf(state) {
  const words = new URLSearchParams();
  const { layer, head, zone } = report.cells[state.cell];
  words.set("layer", layer);
  if (head !== null) words.set("head", head);
  words.set("zone", zone);
  for (const [name, { write }] of Object.entries(PARTS)) {
    if (state[name] !== DEFAULTS[name]) words.set(name, write(state[name]));
  }
  return "#" + words;
}

// {state, unknown}: the state that an address names, and which words of it are nothing here.
function stateOf(address) {
  const state = { ...DEFAULTS };
  const unknown = [];
  const words = new URLSearchParams(address.replace(/^#/, ""));
  for (const [name, text] of words) {
    if (["layer", "head", "zone"].includes(name)) continue;
    const value = Object.keys(PARTS).includes(name) ? PARTS[name].read(text) : undefined;
    if (value === undefined) unknown.push(name + "=" + text);
    else state[name] = value;
  }
  if (words.has("zone") || words.has("layer")) {
    const asked = ["layer", "head", "zone"].map((name) => words.get(name));
    const found = report.cells.findIndex(({ layer, head, zone }) =>
      [layer, head, zone].every((part, place) => part === asked[place])
    );
    if (found >= 0) state.cell = found;
    else unknown.push(...["layer", "head", "zone"].filter((name) => words.has(name)).map((name) => name + "=" + words.get(name)));
  }
  return { state, unknown };
}
