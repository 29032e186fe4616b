// A passage with the gold, the baseline's and the masked reader's answer marked in it.

// An element with a class and, as text and never as HTML, its content.
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

// Every place where a text stands in a passage: [[start, end], ...]. White space may differ, since
// answers are put together from words; capitals may, if it stands there in no other way.
function placesOf(text, passage) {
  const words = text.split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
  for (const flags of ["g", "gi"]) {
    const places = [];
    for (const match of passage.matchAll(new RegExp(pattern, flags))) {
      places.push([match.index, match.index + match[0].length]);
    }
    if (places.length) return places;
  }
  return [];
}

// Predictions do not say where they stand. If the text is there more than once, take the place that
// overlaps a gold answer, else the first that is not inside a word, else the first.
function placeOf(text, passage, golds) {
  const places = placesOf(text, passage);
  const touches = ([start, end]) => golds.some(([from, to]) => start < to && from < end);
  const isWhole = ([start, end]) =>
    !/[\p{L}\p{N}]/u.test(passage.charAt(start - 1)) && !/[\p{L}\p{N}]/u.test(passage.charAt(end));
  const best = places.find(touches) || places.find(isWhole) || places[0];
  return { span: best, count: places.length };
}

function goldPlaces(golds, passage) {
  return golds
    .map(([text, start]) => (start < 0 ? placesOf(text, passage)[0] : [start, start + text.length]))
    .filter(Boolean);
}

// The passage cut at every border of a marked place, each piece in a <mark> of its classes.
function markedPassage(passage, places) {
  const shown = element("p", "passage");
  shown.dir = "auto";
  const inner = places.flatMap(({ span }) => span);
  const borders = Array.from(new Set([0, ...inner, passage.length])).sort((a, b) => a - b);
  for (let index = 0; index + 1 < borders.length; index += 1) {
    const [from, to] = [borders[index], borders[index + 1]];
    const kinds = places.filter(({ span }) => span[0] <= from && to <= span[1]).map(({ kind }) => kind);
    const piece = passage.slice(from, to);
    // The masked answer's background gives way to the baseline's; its dashed line stays.
    shown.append(kinds.length ? element("mark", Array.from(new Set(kinds)).join(" "), piece) : piece);
  }
  return shown;
}
