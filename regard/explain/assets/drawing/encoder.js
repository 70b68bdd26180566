// Step 0: each source token with its encoder state, and the states from which the bridge starts.

function encoderRows(view) {
  const shapes = [];
  const hits = [];
  view.rows.forEach((row, index) => {
    const visibility = view.step > 0 ? 1 : span(view.time, (0.5 * index) / view.rows.length, (0.5 * index) / view.rows.length + 0.15);
    shapes.push(...rowWord(view, row, index), ...rowState(view, row, index, visibility));
    const { word, state } = view.layout;
    hits.push({ part: `state:${index}`, x: word.x, y: row.y - row.height / 2, width: state.x + state.width + 4 - word.x, height: row.height });
  });
  return { shapes, hits };
}

function rowWord(view, row, index) {
  const { word } = view.layout;
  const token = view.trace.source.tokens[index];
  const size = row.small ? 8 : 14;
  if (row.height < 10) return [];
  const long = shownToken(token);
  const text = fitText(token === END && textWidth(long) * size > word.width ? "end" : long, word.width, size);
  return [label(`word.${index}`, word.x + word.width, row.y + size * 0.35, isolated(text), {
    class: `word${token === END ? " end" : ""}`, "font-size": size, "text-anchor": "end", part: `state:${index}`,
    opacity: Math.min(1, Math.max(0, (row.height - 9) / 6)),
  })];
}

/** A small row shows its state as a thin line: a capsule with its cells could not be read. */
function capsuleHeight(view, row) {
  return row.small ? Math.min(3, row.height - 2) : Math.min(isSmall(view.trace) ? 28 : 20, row.height - 4);
}

function rowState(view, row, index, visibility) {
  const { state } = view.layout;
  const height = capsuleHeight(view, row);
  if (row.small) return [rect(`state.thin.${index}`, state.x - 4, row.y - height / 2, state.width + 8, height, { class: "encoder thin", rx: 1.5, opacity: visibility })];
  const capsule = rect(`state.${index}`, state.x - 4, row.y - height / 2, state.width + 8, height, {
    class: "encoder", rx: height / 2, opacity: visibility,
  });
  const vector = view.trace.states && view.trace.states[index];
  return [capsule, ...strip(`cell.${index}`, vector, state.x + 2, row.y, state.width - 4, height - 6, view, 1, visibility)];
}

/** At the first word: a line from the states that enter the bridge to its result. */
function bridgeInputs(view) {
  const { trace, step, time, rows, layout } = view;
  const bridge = trace.model.bridge;
  if (step > 0 || !bridge || bridge === "zero") return [];
  const inputs = rows.filter((_, index) => entersBridge(trace, index, rows.length));
  const visibility = span(time, 0.1, 0.25) * (1 - 0.8 * span(time, 1, 1.3));
  const x = layout.state.x - 7;
  const ys = [...inputs.map((row) => row.y), layout.wide ? 56 : layout.bottom + 8];
  const line = outline("gather", `M${short(x)} ${short(Math.min(...ys))}V${short(Math.max(...ys))}`, { class: "gather", opacity: visibility });
  const dots = inputs.map((row, index) => ({ key: `gather.${index}`, tag: "circle", cx: x, cy: row.y, r: 2.6, class: "gather-dot", opacity: visibility }));
  return [line, ...dots];
}

function entersBridge(trace, index, numStates) {
  const bidirectional = trace.model.encoder === "recurrent" && /both directions/.test(trace.model.encoder_description || "");
  return trace.model.bridge === "mean" || index === numStates - 1 || (bidirectional && index === 0);
}
