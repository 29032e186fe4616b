// Changes of a score with intervals that know that questions of one passage are alike. The same
// formulas, with their sources, stand in maps/clustered.py; here they are counted for whichever
// questions are shown.

const SIGNIFICANT = 0.05;

// The logarithm of the gamma function, by Stirling's series from 8 on.
function logGamma(x) {
  let shift = 0;
  for (; x < 8; x += 1) shift -= Math.log(x);
  const square = 1 / (x * x);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

// The regularised incomplete beta function, by its continued fraction (Lentz's method).
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const tiny = 1e-300;
  const apart = (value) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / apart(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 1000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart(1 + even * d);
    c = apart(1 + even / c);
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart(1 + odd * d);
    c = apart(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  const logFront = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(logFront) * fraction) / a;
}

// P[|T| > t] for Student's t.
function bothTails(t, freedom) {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

// The t between whose negative and itself lie 95 of 100; found by halving.
const widths = new Map();
function widthOf95(freedom) {
  if (!widths.has(freedom)) {
    let [low, high] = [1.9, 13];
    for (let step = 0; step < 50; step += 1) {
      const middle = (low + high) / 2;
      if (bothTails(middle, freedom) > SIGNIFICANT) low = middle;
      else high = middle;
    }
    widths.set(freedom, (low + high) / 2);
  }
  return widths.get(freedom);
}

// Clusters of some questions: {of: question -> number of its cluster, or -1 if it is not among
// them; sizes; meanSize: that of a question's passage; freedom; count: how many questions}.
function clustersAmong(questions, passages) {
  const of = new Int32Array(passages.length).fill(-1);
  const numbers = new Map();
  for (const question of questions) {
    const passage = passages[question];
    if (!numbers.has(passage)) numbers.set(passage, numbers.size);
    of[question] = numbers.get(passage);
  }
  let sizes = new Float64Array(numbers.size);
  if (numbers.size === 1) {
    // A single passage cannot show how passages differ; then each question counts as one.
    questions.forEach((question, number) => (of[question] = number));
    sizes = new Float64Array(questions.length).fill(1);
  } else {
    for (const question of questions) sizes[of[question]] += 1;
  }
  const count = questions.length;
  const meanSize = sizes.reduce((total, size) => total + size ** 2, 0) / count;
  return { of, sizes, meanSize, count, freedom: Math.max(1, count / meanSize - 1) };
}

// The mean change of a score, in points. Each run is a list of [question, difference], of the
// questions whose score differs.
function changeOf(runs, clusters) {
  const { of, count } = clusters;
  const meanOfRuns = new Map(); // question -> its difference, averaged over the runs
  let square = 0;
  const means = runs.map((run) => {
    let total = 0;
    for (const [question, difference] of run) {
      if (of[question] < 0) continue;
      total += difference;
      square += difference ** 2;
      meanOfRuns.set(question, (meanOfRuns.get(question) || 0) + difference / runs.length);
    }
    return total / count;
  });
  const pairs = runs.length * count;
  const mean = means.reduce((a, b) => a + b, 0) / runs.length;
  const { variance, freedom } = varianceOf(means, mean, meanOfRuns, clusters);
  square /= pairs;
  const spread = Math.max(square - mean ** 2, 0);
  // Where nothing changes, each passage counts as one question.
  const effective = variance > 0 ? Math.min(2 * pairs, spread / variance) : count / clusters.meanSize;
  return intervalOf({ mean, square, effective, freedom });
}

// The variance of the mean change, and its degrees of freedom.
function varianceOf(means, mean, meanOfRuns, clusters) {
  const { freedom } = clusters;
  const runs = means.length;
  const overClusters = varianceOverClusters(mean, meanOfRuns, clusters);
  const squares = means.reduce((total, one) => total + (one - mean) ** 2, 0);
  const overRuns = runs > 1 ? squares / (runs - 1) / runs : 0;
  if (overRuns === 0) return { variance: overClusters, freedom };
  const parts = overClusters ** 2 / freedom + overRuns ** 2 / (runs - 1);
  return { variance: overClusters + overRuns, freedom: (overClusters + overRuns) ** 2 / parts };
}

// Cluster-robust, and drawn to that of questions of a passage that are equally alike, as much as if
// 100 passages had said so.
function varianceOverClusters(mean, meanOfRuns, { of, sizes, meanSize, count }) {
  const sums = sizes.map((size) => -size * mean);
  let square = 0;
  for (const [question, difference] of meanOfRuns) {
    sums[of[question]] += difference;
    square += difference ** 2;
  }
  const spread = square / count - mean ** 2;
  if (spread < 1e-15 || sizes.length < 2) return 0;
  let robust = 0;
  sums.forEach((sum, cluster) => (robust += sum ** 2 / (1 - sizes[cluster] / count)));
  robust /= count ** 2;
  const alike = 1 + correlationOf(spread, sums, sizes, meanSize, count) * (meanSize - 1);
  const weight = sizes.length / (sizes.length + 100);
  return weight * robust + ((1 - weight) * Math.max(alike, 0) * spread) / count;
}

// The intraclass correlation, with half a passage added whose questions are all alike.
function correlationOf(spread, sums, sizes, meanSize, count) {
  const number = sizes.length;
  if (count === number) return 0;
  let between = 0;
  sums.forEach((sum, cluster) => (between += sum ** 2 / sizes[cluster]));
  const inside = Math.max(spread * count - between, 0) / (count - number);
  const over = (between - (number - 1) * inside) / (count - meanSize);
  return ((number * over) / (over + inside) + 0.5) / (number + 0.5);
}

// Tango's score interval with the effective number of questions, and p of the same test.
function intervalOf({ mean, square, effective, freedom }) {
  const far = widthOf95(freedom);
  const end = (outside) => endOfInterval((truth) => scoreDistance(mean, square, effective, truth) <= far, mean, outside);
  return {
    change: 100 * mean,
    low: 100 * end(-1),
    high: 100 * end(1),
    p: bothTails(scoreDistance(mean, square, effective, 0), freedom),
  };
}

// How many standard errors the mean is from what may be the truth.
function scoreDistance(mean, square, effective, truth) {
  const [mended, broken] = [(square + mean) / 2, (square - mean) / 2];
  const half = (truth * (2 - mended + broken) - square) / 4;
  const likeliest = Math.sqrt(Math.max(half ** 2 + (broken * truth * (1 - truth)) / 2, 0)) - half;
  const variance = (2 * likeliest + truth - truth ** 2) / effective;
  if (variance <= 1e-15) return Math.abs(mean - truth) < 1e-9 ? 0 : Infinity;
  return Math.abs(mean - truth) / Math.sqrt(variance);
}

function endOfInterval(isNear, inside, outside) {
  let [near, away] = [inside, outside];
  for (let step = 0; step < 50; step += 1) {
    const middle = (near + away) / 2;
    if (isNear(middle)) near = middle;
    else away = middle;
  }
  return near;
}

// Holm's correction of p values for several tests.
function holm(pValues) {
  const order = pValues.map((_, place) => place).sort((a, b) => pValues[a] - pValues[b]);
  const corrected = [];
  let least = 0;
  order.forEach((place, rank) => {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * pValues[place]));
    corrected[place] = least;
  });
  return corrected;
}
