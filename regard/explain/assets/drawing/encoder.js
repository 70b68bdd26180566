// Step 0: a row for each source token with its encoder state, and the line from these states to the bridge.

function encoderRows(view) {
  const shapes = [];
  const hits = [];
  view.rows.forEach((row, number) => {
    const seen = view.step > 0 ? 1 : span(view.time, (0.5 * number) / view.rows.length, (0.5 * number) / view.rows.length + 0.15);
    shapes.push(...rowWord(view, row, number), ...rowState(view, row, number, seen));
    const { word, state } = view.place;
    hits.push({ part: `state:${number}`, x: word.x, y: row.y - row.height / 2, width: state.x + state.width + 4 - word.x, height: row.height });
  });
  return { shapes, hits };
}

function rowWord(view, row, number) {
  const { word } = view.place;
  const token = view.trace.source.tokens[number];
  const size = row.small ? 8 : 14;
  if (row.height < 10) return [];
  const long = shownToken(token);
  const text = fitText(token === END && textWidth(long) * size > word.width ? "end" : long, word.width, size);
  return [label(`word.${number}`, word.x + word.width, row.y + size * 0.35, isolated(text), {
    class: `word${token === END ? " end" : ""}`, "font-size": size, "text-anchor": "end", part: `state:${number}`,
    opacity: Math.min(1, Math.max(0, (row.height - 9) / 6)),
  })];
}

/** A small row has only a line for its state: a capsule with its cells would be a blot. */
function capsuleHeight(view, row) {
  return row.small ? Math.min(3, row.height - 2) : Math.min(isSmall(view.trace) ? 28 : 20, row.height - 4);
}

function rowState(view, row, number, seen) {
  const { state } = view.place;
  const height = capsuleHeight(view, row);
  if (row.small) return [rect(`state.thin.${number}`, state.x - 4, row.y - height / 2, state.width + 8, height, { class: "encoder thin", rx: 1.5, opacity: seen })];
  const capsule = rect(`state.${number}`, state.x - 4, row.y - height / 2, state.width + 8, height, {
    class: "encoder", rx: height / 2, opacity: seen,
  });
  const vector = view.trace.states && view.trace.states[number];
  return [capsule, ...strip(`cell.${number}`, vector, state.x + 2, row.y, state.width - 4, height - 6, view, 1, seen)];
}

/** At the first word: a line from the states that the bridge takes to what it makes of them. */
function gather(view) {
  const { trace, step, time, rows, place } = view;
  const bridge = trace.model.bridge;
  if (step > 0 || !bridge || bridge === "zero") return [];
  const taken = rows.filter((_, number) => takenByBridge(trace, number, rows.length));
  const seen = span(time, 0.1, 0.25) * (1 - 0.8 * span(time, 1, 1.3));
  const x = place.state.x - 7;
  const ys = [...taken.map((row) => row.y), place.wide ? 56 : place.bottom + 8];
  const line = outline("gather", `M${short(x)} ${short(Math.min(...ys))}V${short(Math.max(...ys))}`, { class: "gather", opacity: seen });
  const dots = taken.map((row, number) => ({ key: `gather.${number}`, tag: "circle", cx: x, cy: row.y, r: 2.6, class: "gather-dot", opacity: seen }));
  return [line, ...dots];
}

function takenByBridge(trace, number, count) {
  const both = trace.model.encoder === "recurrent" && /both directions/.test(trace.model.encoder_description || "");
  return trace.model.bridge === "mean" || number === count - 1 || (both && number === 0);
}
