// Step 1: the query meets one encoder state after another, and each gets a score.

/** The query, above the scores it is about to make; on a narrow page the decoder itself stands there. */
function queryNode(view) {
  const { place, now, time, trace, step } = view;
  if (!place.wide) return [];
  const seen = span(time, 0.55, 0.95);
  const { x, y } = place.query;
  const width = place.state.width + 24;
  const left = place.score.x - 7 - 8;
  const middle = left + width / 2;
  const shapes = [
    label("query.name", middle, y - 22, `query ${symbolsOf(trace, step).query}`, { class: "node-name", "text-anchor": "middle", "font-size": 13, opacity: 0.4 + 0.6 * seen }),
    hexagon("query", middle, y, width, 28, { class: "decoder", opacity: 0.15 + 0.85 * seen }),
    ...strip("query.cell", now.query, left + 12, y, width - 24, 20, view, 1, seen),
  ];
  return { shapes, hits: [{ part: "query", x: left, y: y - 36, width, height: 52 }] };
}

/** The query on its way down the scores: it meets one encoder state after the other. */
function bus(view) {
  const { place, time, rows } = view;
  const x = place.score.x - 7;
  const progress = span(time, 1, 1.7);
  const first = rows[0].y;
  const last = rows[rows.length - 1].y;
  const [from, to] = place.wide ? [place.query.y + 17, last] : [place.query.y, first];
  const faded = 1 - 0.75 * span(time, 2, 2.4);
  const line = { d: `M${short(x)} ${short(from)}V${short(to)}`, length: Math.abs(to - from) };
  const shapes = [grown("bus", line, progress, { class: "query-line", opacity: faded })];
  rows.forEach((row, number) => {
    const met = metAt(view, row);
    const left = place.state.x + place.state.width + 5;
    shapes.push(outline(`meet.${number}`, `M${short(left)} ${short(row.y)}H${short(x)}`, { class: "key-line", opacity: met * faded }));
    shapes.push({ key: `dot.${number}`, tag: "circle", cx: x, cy: row.y, r: row.small ? 1 : 3, class: "query-dot", opacity: met * faded });
  });
  return shapes;
}

/** How far the score of a row has appeared: the query reaches the rows one after another. */
function metAt(view, row) {
  const { place, rows, time } = view;
  const share = (row.y - place.top) / Math.max(1, place.bottom - place.top);
  const late = place.wide || rows.length < 2 ? share : 1 - share;
  return span(time, 1.05 + 0.5 * late, 1.2 + 0.5 * late);
}

function scoreColumn(view) {
  const { place, now, rows } = view;
  const { score } = place;
  const finite = now.scores.filter((value) => value !== null);
  const largest = Math.max(1e-9, ...finite.map(Math.abs));
  const decimals = scoreDecimals(finite, place.wide);
  const shapes = [];
  const hits = [];
  rows.forEach((row, number) => {
    const value = now.scores[number];
    const seen = metAt(view, row);
    const bar = place.wide ? 30 : 0;
    if (bar && value !== null) {
      const length = (Math.abs(value) / largest) * (bar / 2);
      const zero = score.x + bar / 2;
      const height = row.small ? 2 : 9;
      shapes.push(rect(`score.bar.${number}`, value < 0 ? zero - length * seen : zero, row.y - height / 2, Math.max(0.5, length * seen), height, {
        class: value < 0 ? "score below-bar" : "score", opacity: seen, rx: 1,
      }));
    }
    if (!row.small) {
      const text = fixedNumber(value, decimals);
      shapes.push(label(`score.${number}`, score.x + score.width, row.y + 4.5, text, {
        class: "number score-number", "font-size": place.wide ? 13 : 12, "text-anchor": "end", part: `score:${number}`, opacity: seen,
      }));
    }
    hits.push({ part: `score:${number}`, x: score.x - 3, y: row.y - row.height / 2, width: score.width + 5, height: row.height });
  });
  return { shapes, hits };
}

/** All scores of a step to the same decimals: whole numbers stay whole, large ones stay short. */
function scoreDecimals(scores, wide) {
  if (scores.every(Number.isInteger)) return 0;
  const largest = Math.max(...scores.map(Math.abs));
  return largest >= 1000 ? 0 : largest >= 100 ? 1 : wide || largest < 10 ? 2 : 1;
}
