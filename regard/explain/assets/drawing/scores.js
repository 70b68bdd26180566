// Step 1: the query is compared with one encoder state after another, and each gets a score.

/** The query, above the column of scores; on a narrow page the decoder itself stands there. */
function queryNode(view) {
  const { layout, current, time, trace, step } = view;
  if (!layout.wide) return [];
  const visibility = span(time, 0.55, 0.95);
  const { y } = layout.query;
  const width = layout.state.width + 24;
  const left = layout.score.x - 7 - 8;
  const middle = left + width / 2;
  const shapes = [
    label("query.name", middle, y - 22, `query ${symbolsOf(trace, step).query}`, { class: "node-name", "text-anchor": "middle", "font-size": 13, opacity: 0.4 + 0.6 * visibility }),
    hexagon("query", middle, y, width, 28, { class: "decoder", opacity: 0.15 + 0.85 * visibility }),
    ...strip("query.cell", current.query, left + 12, y, width - 24, 20, view, 1, visibility),
  ];
  return { shapes, hits: [{ part: "query", x: left, y: y - 36, width, height: 52 }] };
}

/** The line of the query down the scores, with a dot where it reaches each encoder state. */
function queryLine(view) {
  const { layout, time, rows } = view;
  const x = layout.score.x - 7;
  const progress = span(time, 1, 1.7);
  const first = rows[0].y;
  const last = rows[rows.length - 1].y;
  const [from, to] = layout.wide ? [layout.query.y + 17, last] : [layout.query.y, first];
  const faded = 1 - 0.75 * span(time, 2, 2.4);
  const line = { d: `M${short(x)} ${short(from)}V${short(to)}`, length: Math.abs(to - from) };
  const shapes = [grown("bus", line, progress, { class: "query-line", opacity: faded })];
  rows.forEach((row, index) => {
    const reached = scoreVisibility(view, row);
    const left = layout.state.x + layout.state.width + 5;
    shapes.push(outline(`meet.${index}`, `M${short(left)} ${short(row.y)}H${short(x)}`, { class: "key-line", opacity: reached * faded }));
    shapes.push({ key: `dot.${index}`, tag: "circle", cx: x, cy: row.y, r: row.small ? 1 : 3, class: "query-dot", opacity: reached * faded });
  });
  return shapes;
}

/** The opacity of a row's score: the query reaches the rows one after another. */
function scoreVisibility(view, row) {
  const { layout, rows, time } = view;
  const share = (row.y - layout.top) / Math.max(1, layout.bottom - layout.top);
  const delay = layout.wide || rows.length < 2 ? share : 1 - share;
  return span(time, 1.05 + 0.5 * delay, 1.2 + 0.5 * delay);
}

function scoreColumn(view) {
  const { layout, current, rows } = view;
  const { score } = layout;
  const finite = current.scores.filter((value) => value !== null);
  const largest = Math.max(1e-9, ...finite.map(Math.abs));
  const decimals = scoreDecimals(finite, layout.wide);
  const shapes = [];
  const hits = [];
  rows.forEach((row, index) => {
    const value = current.scores[index];
    const visibility = scoreVisibility(view, row);
    const bar = layout.wide ? 30 : 0;
    if (bar && value !== null) {
      const length = (Math.abs(value) / largest) * (bar / 2);
      const zero = score.x + bar / 2;
      const height = row.small ? 2 : 9;
      shapes.push(rect(`score.bar.${index}`, value < 0 ? zero - length * visibility : zero, row.y - height / 2, Math.max(0.5, length * visibility), height, {
        class: value < 0 ? "score below-bar" : "score", opacity: visibility, rx: 1,
      }));
    }
    if (!row.small) {
      const text = fixedNumber(value, decimals);
      shapes.push(label(`score.${index}`, score.x + score.width, row.y + 4.5, text, {
        class: "number score-number", "font-size": layout.wide ? 13 : 12, "text-anchor": "end", part: `score:${index}`, opacity: visibility,
      }));
    }
    hits.push({ part: `score:${index}`, x: score.x - 3, y: row.y - row.height / 2, width: score.width + 5, height: row.height });
  });
  return { shapes, hits };
}

/** The number of decimals for all scores of a step: none for integers, fewer for large scores. */
function scoreDecimals(scores, wide) {
  if (scores.every(Number.isInteger)) return 0;
  const largest = Math.max(...scores.map(Math.abs));
  return largest >= 1000 ? 0 : largest >= 100 ? 1 : wide || largest < 10 ? 2 : 1;
}
