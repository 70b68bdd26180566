// The diagram of each architecture as in its paper: where the query comes from and where the context goes.

const layersText = (trace) => (trace.model.num_layers > 1 ? `${trace.model.num_layers} × ${cellName(trace)}` : cellName(trace));
const DIAGRAMS = { bahdanau: bahdanauDiagram, luong: luongDiagram, gnmt: gnmtDiagram, plain: plainDiagram };

/** Attend with the state before the step; the context enters the cell, and the output layer. */
function bahdanauDiagram(view) {
  const at = nodePositions(view);
  const symbols = symbolsOf(view.trace, view.step);
  const across = queryShare(view);
  const nodes = {
    context: contextPort(view),
    before: stateNode(at([0.12, 0.07], [across, 16]), symbols.before, "before", 0),
    word: { ...wordNode(view, at([0.14, 0.86], [0.13, 16])), above: !view.layout.wide },
    cell: cellNode(at([0.4, 0.46], [across, 88]), cellName(view.trace), "cell", 5.3),
    after: stateNode(at([0.78, 0.46], [across, 150]), symbols.after, "after", 5.45),
    out: { ...cellNode(at([0.78, 0.74], [0.84, 150]), "output", "readout", 5.6), height: 30 },
  };
  const wires = [
    wire("before.b", "cell.t", [5, 5.28], { kind: "decoder-flow" }),
    wire(view.layout.wide ? "word.t" : "word.b", view.layout.wide ? "cell.b" : "cell.l", [5, 5.28], { kind: "word-flow" }),
    wire(view.layout.wide ? "context.r" : "context.b", "cell.r".replace("r", view.layout.wide ? "l" : "r"), [5, 5.28], { kind: "context-flow", leave: view.layout.wide ? 0 : -12 }),
    wire(view.layout.wide ? "cell.r" : "cell.b", view.layout.wide ? "after.l" : "after.t", [5.3, 5.42], { kind: "decoder-flow" }),
    wire(view.layout.wide ? "after.b" : "after.r", view.layout.wide ? "out.t" : "out.l", [5.45, 5.56], { kind: "decoder-flow" }),
    wire(view.layout.wide ? "context.r" : "context.b", view.layout.wide ? "out.l" : "out.t", [5.2, 5.56], { kind: "context-flow", leave: view.layout.wide ? 14 : 12 }),
    wire(view.layout.wide ? "word.r" : "word.b", "out.b", [5.2, 5.56], view.layout.wide ? { kind: "word-flow" } : { kind: "word-flow", leave: -12, over: view.layout.decoder.y + 182 }),
  ];
  return { nodes: withQuery(view, nodes), wires: [...queryWire(view, "before", [0.5, 0.85]), ...wires], first: "before", last: "out" };
}

/** Step, then attend with the new state; h̃ combines context and state, predicts the word and may feed the next step. */
function luongDiagram(view) {
  const { wide } = view.layout;
  const at = nodePositions(view);
  const { trace, step } = view;
  const symbols = symbolsOf(trace, step);
  const feeds = trace.model.input_feeding !== false;
  const nodes = {
    context: contextPort(view),
    before: stateNode(at([0.1, 0.2], [0.28, 92]), symbols.before, "before", 0),
    word: wordNode(view, at([0.14, 0.42], [0.1, 92])),
    cell: cellNode(at([0.46, 0.2], [0.14, 18]), layersText(trace), "cell", 0.62),
    after: stateNode(at([0.82, 0.2], [queryShare(view), 18]), symbols.after, "after", 0.7),
    combined: { ...stateNode(at([0.82, 0.62], [0.82, 112]), symbols.combined, "combined", 5.35), kind: "combined" },
  };
  const time = [0.45, 0.6];
  const wires = [
    wire(wide ? "before.r" : "before.t", wide ? "cell.l" : "cell.b", time, { kind: "decoder-flow", arrive: wide ? 0 : 8 }),
    wire(wide ? "word.r" : "word.t", "cell.b", time, { kind: "word-flow", arrive: wide ? -10 : -14 }),
    wire("cell.r", "after.l", [0.6, 0.7], { kind: "decoder-flow" }),
    wire(wide ? "after.b" : "after.r", "combined.t", [5, 5.3], { kind: "decoder-flow", arrive: wide ? 0 : -12 }),
    wire(wide ? "context.r" : "context.b", wide ? "combined.l" : "combined.t", [5, 5.3], { kind: "context-flow", arrive: wide ? 0 : 12 }),
  ];
  if (feeds) {
    nodes.fed = { ...stateNode(at([0.46, 0.46], [0.46, 92]), step > 0 ? symbols.fed : "0", "fed", 0), kind: "combined" };
    wires.push(wire("fed.t", "cell.b", time, { kind: "decoder-flow", dashed: true, arrive: wide ? 12 : 20 }));
    wires.push(wire(wide ? "combined.b" : "combined.b", wide ? "fed.b" : "fed.b", [5.65, 5.85], { kind: "decoder-flow", dashed: true, leave: -10 }));
  }
  return { nodes: withQuery(view, nodes), wires: [...queryWire(view, "after", [0.72, 0.9]), ...wires], first: "before", firstSide: "t", last: "combined" };
}

/** The bottom layer provides the query; the context enters every layer that has not taken its step yet. */
function gnmtDiagram(view) {
  const { wide } = view.layout;
  const at = nodePositions(view);
  const { trace, step } = view;
  const symbols = symbolsOf(trace, step);
  const current = trace.model.query_step === "current";
  const numLayers = Math.max(2, trace.model.num_layers || 2);
  const numShown = Math.min(numLayers, MAX_LAYERS);
  const nodes = { context: contextPort(view) };
  const wires = [];
  const lit = (layer) => (current && layer === 0 ? 0.62 : 5.3 + 0.06 * layer);
  for (let layer = 0; layer < numShown; layer++) {
    const number = numShown < numLayers && layer === numShown - 1 ? numLayers : layer + 1;
    const down = current ? (layer === 0 ? 18 : 40 + 50 * layer) : 84 + 50 * layer;
    const position = at([0.56, 0.76 - (0.6 * layer) / (numShown - 1)], [current ? (layer === 0 ? 0.14 : 0.66) : queryShare(view), down]);
    nodes[`layer${layer}`] = { ...cellNode(position, `${cellName(trace)} ${number}`, `layer:${number - 1}`, lit(layer)), width: 76, height: 30, size: 13 };
    if (layer > 0 && !(current && layer === 1)) {
      wires.push(wire(wide ? `layer${layer - 1}.t` : `layer${layer - 1}.b`, wide ? `layer${layer}.b` : `layer${layer}.t`, [lit(layer) - 0.04, lit(layer)], { kind: "decoder-flow", dashed: number > layer + 1 }));
    }
    if (!(current && layer === 0)) {
      wires.push(wire(wide ? "context.r" : "context.b", wide ? `layer${layer}.l` : `layer${layer}.r`, [5, 5.28], { kind: "context-flow" }));
    }
  }
  nodes.word = wordNode(view, at([0.56, 0.95], [current ? 0.09 : 0.13, current ? 92 : 84]));
  const inputTime = current ? [0.45, 0.6] : [5, 5.28];
  wires.push(wire(wide ? "word.t" : current ? "word.t" : "word.r", wide ? "layer0.b" : current ? "layer0.b" : "layer0.l", inputTime, { kind: "word-flow", arrive: !wide && current ? -12 : 0 }));
  if (current) addCurrentQuery(view, nodes, wires, at, symbols);
  else {
    nodes.before = stateNode(at([0.12, 0.06], [queryShare(view), 16]), symbols.before, "before", 0);
    wires.push(wire("before.b", wide ? "layer0.l" : "layer0.t", [5, 5.28], { kind: "decoder-flow", arrive: wide ? 8 : 0 }));
  }
  const query = current ? queryWire(view, "after", [0.72, 0.9]) : queryWire(view, "before", [0.5, 0.85]);
  return { nodes: withQuery(view, nodes), wires: [...query, ...wires], first: "before", last: `layer${numShown - 1}` };
}

/** With the current query the bottom layer steps before attention, with the context of the previous step. */
function addCurrentQuery(view, nodes, wires, at, symbols) {
  const { wide } = view.layout;
  nodes.before = stateNode(at([0.1, 0.9], [0.27, 92]), symbols.before, "before", 0);
  nodes.contextBefore = { ...at([0.1, 0.68], [0.44, 92]), kind: "context", width: 46, height: 24, text: view.step > 0 ? symbols.contextBefore : "0", part: "context-before", lit: 0 };
  nodes.after = stateNode(at([0.9, 0.42], [queryShare(view), 18]), symbols.after, "after", 0.7);
  wires.push(
    wire(wide ? "before.r" : "before.t", wide ? "layer0.l" : "layer0.b", [0.45, 0.6], { kind: "decoder-flow", arrive: wide ? 8 : 4 }),
    wire(wide ? "contextBefore.r" : "contextBefore.t", wide ? "layer0.l" : "layer0.b", [0.45, 0.6], { kind: "context-flow", arrive: wide ? -6 : 20 }),
    wire(wide ? "layer0.r" : "layer0.r", wide ? "after.b" : "after.l", [0.6, 0.7], { kind: "decoder-flow" }),
    wire(wide ? "after.l" : "after.b", wide ? "layer1.r" : "layer1.t", [5.1, 5.32], { kind: "decoder-flow" }),
  );
}

/** No attention: all the decoder knows of the sentence is one vector of fixed size. */
function plainDiagram(view) {
  const { wide } = view.layout;
  const at = nodePositions(view);
  const { trace, step } = view;
  const symbols = symbolsOf(trace, step);
  const every = trace.model.sentence_vector === "every_step";
  const nodes = {
    sentence: sentenceNode(view),
    before: stateNode(at([0.16, 0.2], [0.2, 22]), symbols.before, "before", 0),
    word: wordNode(view, at([0.16, 0.74], [0.2, 84])),
    cell: cellNode(at([0.5, 0.47], [0.5, 52]), layersText(trace), "cell", 1.3),
    after: stateNode(at([0.86, 0.47], [0.82, 52]), symbols.after, "after", 1.5),
  };
  const wires = [
    wire("before.r", wide ? "cell.t" : "cell.l", [1, 1.28], { kind: "decoder-flow", arrive: wide ? 0 : -8 }),
    wire("word.r", wide ? "cell.b" : "cell.l", [1, 1.28], { kind: "word-flow", arrive: wide ? 0 : 8 }),
    wire("cell.r", "after.l", [1.3, 1.48], { kind: "decoder-flow" }),
  ];
  if (every) wires.push(wire(wide ? "sentence.r" : "sentence.b", wide ? "cell.l" : "cell.t", [1, 1.28], { kind: "bridge" }));
  return { nodes, wires, first: "before", last: "after" };
}

/** The relative x of the query on a narrow page: right below the scores, so that its line goes straight up. */
function queryShare(view) {
  const { layout } = view;
  return layout.wide ? 0 : (layout.score.x - 7 - layout.decoder.x) / layout.decoder.width;
}

function withQuery(view, nodes) {
  const { layout } = view;
  if (!layout.wide) return nodes;
  const width = layout.state.width + 24;
  return { ...nodes, query: { x: layout.score.x - 15 + width / 2, y: layout.query.y, width, height: 28 } };
}

function queryWire(view, name, at) {
  return view.layout.wide ? [wire(`${name}.t`, "query.r", at, { kind: "decoder-flow", over: view.layout.query.y, leave: -8 })] : [];
}
