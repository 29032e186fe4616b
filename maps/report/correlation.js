// Spearman's correlation with its interval; the formula, with its source, stands in
// maps/correlation.py.

const FEWEST_CELLS = 10;

// The rank of each number, from 1; ties have the mean of theirs.
function ranksOf(numbers) {
  const order = numbers.map((_, place) => place).sort((a, b) => numbers[a] - numbers[b]);
  const ranks = [];
  for (let first = 0; first < order.length; ) {
    let end = first;
    while (end < order.length && numbers[order[end]] === numbers[order[first]]) end += 1;
    for (const place of order.slice(first, end)) ranks[place] = (first + end + 1) / 2;
    first = end;
  }
  return ranks;
}

// {value, low, high, cells} of pairs of numbers, low and high null if there are too few; null, if
// there is no correlation.
function spearman(pairs) {
  const columns = [0, 1].map((side) => pairs.map((pair) => Number(pair[side].toFixed(6))));
  if (pairs.length < 3 || columns.some((column) => new Set(column).size < 2)) return null;
  const middle = (pairs.length + 1) / 2;
  const [one, other] = columns.map((column) => ranksOf(column).map((rank) => rank - middle));
  const product = (a, b) => a.reduce((total, value, place) => total + value * b[place], 0);
  const value = product(one, other) / Math.sqrt(product(one, one) * product(other, other));
  if (pairs.length < FEWEST_CELLS || Math.abs(value) > 1 - 1e-9) {
    return { value, low: null, high: null, cells: pairs.length };
  }
  const width = 1.959963984540054 * Math.sqrt((1 + value ** 2 / 2) / (pairs.length - 3));
  const [low, high] = [-width, width].map((step) => Math.tanh(Math.atanh(value) + step));
  return { value, low, high, cells: pairs.length };
}
