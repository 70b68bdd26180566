// The candidates for the next word with their probabilities.

const CANDIDATES = { wide: 148, row: 25 };

/** The most probable next tokens, and the one that was output, even if it was forced. */
function shownCandidates(step) {
  const list = step.candidates || [];
  if (!list.length || list.some((candidate) => candidate.token === step.token)) return list;
  return [...list.slice(0, 4), { token: step.token, probability: Math.exp(step.log_probability) }];
}

function candidateList(view, diagram) {
  const { layout, time, current, trace } = view;
  const end = phasesOf(trace).length;
  const visibility = span(time, end - 0.4, end - 0.2);
  const list = shownCandidates(current);
  const width = layout.wide ? CANDIDATES.wide : Math.min(layout.decoder.width, 420);
  const last = diagram.nodes[diagram.last];
  const x = layout.wide ? layout.decoder.x + layout.decoder.width - width : layout.decoder.x + (layout.decoder.width - width) / 2;
  const listHeight = Math.max(1, list.length) * CANDIDATES.row;
  const top = layout.wide
    ? Math.min(Math.max(last.y - listHeight / 2, layout.decoder.y + 26), layout.decoder.y + layout.decoder.height - listHeight)
    : layout.decoder.y + diagramHeight(trace) + 28;
  const shapes = candidateArrow(view, last, { x, y: top, width, height: listHeight }, end);
  shapes.push(label("candidates.head", x + 4, top - 8, list.length ? "next word" : "", { class: "head", opacity: 0.5 + 0.5 * visibility }));
  if (!list.length) return { shapes: [...shapes, ...unknownNextWord(x, top, width, visibility)], hits: [] };
  const rows = list.map((candidate, index) => candidateRow(view, candidate, index, x, top + index * CANDIDATES.row, width, visibility));
  const hits = list.map((_, index) => ({ part: `candidate:${index}`, x, y: top + index * CANDIDATES.row, width, height: CANDIDATES.row - 2 }));
  return { shapes: [...shapes, ...rows.flat()], hits };
}

function candidateArrow(view, last, box, end) {
  const { wide } = view.layout;
  const target = wide
    ? { x: box.x + 2, y: Math.min(Math.max(last.y, box.y + 8), box.y + box.height - 8), width: 8, height: 4 }
    : { x: Math.min(Math.max(last.x, box.x + 90), box.x + box.width - 20), y: box.y - 10, width: 8, height: 4 };
  const nodes = { last, target };
  return wireShapes(view, { nodes }, wire(wide ? "last.r" : "last.b", wide ? "target.l" : "target.t", [end - 0.42, end - 0.32], { kind: "decoder-flow" }), "next");
}

function candidateRow(view, candidate, index, x, y, width, visibility) {
  const isOutput = candidate.token === view.current.token;
  const barWidth = width - 56;
  const text = fitText(shownToken(candidate.token), barWidth - 14, 14);
  const share = percent(candidate.probability);
  const name = view.trace.model.decoder && isOutput ? " written" : "";
  return [
    rect(`candidate.back.${index}`, x, y, barWidth, CANDIDATES.row - 4, { class: "track", rx: 3, opacity: visibility }),
    rect(`candidate.bar.${index}`, x, y, Math.max(1, barWidth * candidate.probability * visibility), CANDIDATES.row - 4, { class: `candidate${name}`, rx: 3, opacity: visibility }),
    label(`candidate.${index}`, x + 7, y + 15.5, isolated(text), { class: `word${name}${candidate.token === END ? " end" : ""}`, "font-size": 14, opacity: visibility }),
    label(`candidate.share.${index}`, x + barWidth + 6, y + 15, share, { class: `number${name}`, "font-size": 12.5, opacity: visibility, part: `candidate:${index}` }),
  ];
}

function unknownNextWord(x, y, width, visibility) {
  return [
    rect("candidate.none", x, y, Math.min(width, 120), CANDIDATES.row, { class: "node word", rx: 12, opacity: 0.3 + 0.7 * visibility }),
    label("candidate.none.name", x + Math.min(width, 120) / 2, y + 17, "the next word", { class: "node-name", "font-size": 13, "text-anchor": "middle", opacity: 0.4 + 0.6 * visibility }),
  ];
}
