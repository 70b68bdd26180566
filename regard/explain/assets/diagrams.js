// Step 5, the decoder: where the query comes from and where the context goes, each architecture as its paper has it.
//
// A diagram is a record of nodes (where they stand, from when on they are lit) and wires (from when to when something
// flows through them). Wide pages read from left to right, narrow ones from top to bottom.

const CANDIDATES = { wide: 148, row: 25 };
const MOST_LAYERS = 4;

/** The signs of the papers for this word: query, previous and new state, context, combined, previous word. */
function symbolsOf(trace, step) {
  const now = step + 1;
  const decoder = trace.model.decoder;
  if (decoder === "luong") {
    return { query: subscript("h", now), before: subscript("h", now - 1), after: subscript("h", now),
      context: subscript("c", now), combined: subscript("h̃", now), fed: subscript("h̃", now - 1), word: subscript("y", now - 1) };
  }
  const layer = decoder === "gnmt" ? "s¹" : "s";
  const current = decoder === "gnmt" && trace.model.query_step === "current";
  return { query: subscript(layer, current ? now : now - 1), before: subscript(layer, now - 1), after: subscript(layer, now),
    context: subscript("c", now), contextBefore: subscript("c", now - 1), word: subscript("y", now - 1) };
}

function cellName(trace) {
  return (trace.model.cell || "cell").toUpperCase();
}

/** The decoder's diagram of this architecture with the candidates for the next word. */
function panel(view) {
  const build = DIAGRAMS[view.trace.model.decoder] || DIAGRAMS.bahdanau;
  const diagram = build(view);
  addFirstState(view, diagram);
  const base = diagram.wires.flatMap((wire, number) => wireShapes(view, diagram, wire, number));
  moveOn(view, diagram.nodes);
  const nodes = Object.entries(diagram.nodes).flatMap(([name, node]) => nodeShapes(view, name, node));
  const words = candidateList(view, diagram);
  const hits = Object.entries(diagram.nodes)
    .filter(([, node]) => node.part)
    .map(([, node]) => ({ part: node.part, x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height }));
  return { shapes: [...base, ...nodes, ...words.shapes], hits: [...hits, ...words.hits] };
}

/** As the next word begins, what was new becomes what was before. */
function moveOn(view, nodes) {
  if (view.step === 0) return;
  const moved = span(view.time, 0, 0.35);
  for (const [name, origin] of [["before", "after"], ["fed", "combined"]]) {
    const [node, from] = [nodes[name], nodes[origin]];
    if (!node || !from) continue;
    nodes[name] = { ...node, x: from.x + (node.x - from.x) * moved, y: from.y + (node.y - from.y) * moved };
  }
}

// ---- nodes

/** Makes nodes at shares of the diagram (wide), or at a share of the width and so many units down (narrow). */
function placer(view) {
  const { decoder, wide } = view.place;
  const across = wide ? decoder.width - CANDIDATES.wide - 8 : decoder.width;
  return (wideAt, tallAt) => {
    const [u, v] = wide ? wideAt : tallAt;
    return { x: decoder.x + u * across, y: wide ? decoder.y + v * decoder.height : decoder.y + v, room: wide ? 52 : 45 };
  };
}

const stateNode = (at, text, part, lit) => ({ ...at, kind: "state", width: at.room, height: 28, text, part, lit });
const cellNode = (at, text, part, lit) => ({ ...at, kind: "cell", width: 62, height: 38, text, part, lit });

function wordNode(view, at) {
  const first = view.now.token ? "start" : "word";
  const before = view.step > 0 ? shownToken(view.trace.steps[view.step - 1].token) : first;
  return { ...at, kind: "word", width: at.room + 10, height: 25, text: fitText(before, at.room + 2, 14), part: "previous", lit: 0, under: symbolsOf(view.trace, view.step).word };
}

function contextPort(view) {
  const { x, y, width, height } = view.place.context;
  return { x: x + width / 2, y: y + height / 2, width, height };
}

function nodeShapes(view, name, node) {
  if (!node.kind) return [];
  const seen = 0.3 + 0.7 * span(view.time, node.lit, node.lit + 0.1);
  const box = { class: `node ${node.kind}${node.kind === "state" || node.kind === "combined" ? " decoder" : ""}`, opacity: seen };
  const shape = node.kind === "state" || node.kind === "combined"
    ? hexagon(`node.${name}`, node.x, node.y, node.width, node.height, box)
    : rect(`node.${name}`, node.x - node.width / 2, node.y - node.height / 2, node.width, node.height, { ...box, rx: node.kind === "cell" ? 6 : node.height / 2 });
  const text = label(`node.${name}`, node.x, node.y + 4.5, isolated(node.text), {
    class: `node-name ${node.kind}-name`, "text-anchor": "middle", "font-size": node.size || 14, opacity: 0.35 + 0.65 * seen,
  });
  const below = node.above ? -5 - node.height / 2 : 13 + node.height / 2;
  const under = node.under && label(`node.${name}.under`, node.x, node.y + below, node.under, { class: "faint", "text-anchor": "middle", "font-size": 12 });
  return under ? [shape, text, under] : [shape, text];
}

// ---- wires

const SIDES = { l: [-0.5, 0, -1, 0], r: [0.5, 0, 1, 0], t: [0, -0.5, 0, -1], b: [0, 0.5, 0, 1] };

/** A wire from the side of one node to the side of another, through which something flows at some time. */
const wire = (from, to, at, rest = {}) => ({ from: from.split("."), to: to.split("."), at, ...rest });

function portOf(node, side, shift = 0) {
  const [x, y, dx, dy] = SIDES[side];
  return { x: node.x + x * node.width + (y ? shift : 0), y: node.y + y * node.height + (x ? shift : 0), dx, dy };
}

function wireShapes(view, diagram, wire, number) {
  const from = portOf(diagram.nodes[wire.from[0]], wire.from[1], wire.leave);
  const end = portOf(diagram.nodes[wire.to[0]], wire.to[1], wire.arrive);
  const to = { x: end.x + 2 * end.dx, y: end.y + 2 * end.dy, dx: -end.dx, dy: -end.dy };
  const line = wire.over === undefined ? curve(from, to) : rounded(overPoints(from, to, wire.over));
  const kind = wire.kind || "plain";
  const dashes = wire.dashed ? { "stroke-dasharray": "4 4" } : {};
  const progress = span(view.time, wire.at[0], wire.at[1]);
  return [
    outline(`wire.${number}`, line.d, { class: "wire", ...dashes }),
    grown(`flow.${number}`, line, progress, { class: `flow ${kind}` }),
    arrowTip(`tip.${number}`, to, progress >= 1 ? `tip ${kind}-tip` : "tip"),
  ];
}

/** Up from one node to a height, across, and into the other: from above, or from the side at that height. */
function overPoints(from, to, y) {
  const corner = { x: from.x, y };
  return to.dy ? [from, corner, { x: to.x, y }, to] : [from, corner, to];
}

function arrowTip(key, at, name) {
  const [x, y] = [at.x + 2 * at.dx, at.y + 2 * at.dy];
  const back = { x: x - 7 * at.dx, y: y - 7 * at.dy };
  const [sideX, sideY] = [3.6 * at.dy, 3.6 * at.dx];
  const points = [[x, y], [back.x + sideX, back.y + sideY], [back.x - sideX, back.y - sideY]];
  return outline(`${key}.${name}`, `M${points.map((point) => point.map(short).join(" ")).join("L")}Z`, { class: name });
}

/** Where the very first decoder state comes from: the bridge. */
function addFirstState(view, diagram) {
  const bridge = view.trace.model.bridge;
  const first = diagram.first;
  if (view.step > 0 || !bridge || !first) return;
  const end = 0.45;
  diagram.nodes[first].lit = Math.max(diagram.nodes[first].lit, end);
  if (bridge === "zero") {
    diagram.nodes[first].under = "zeros";
    return;
  }
  const { place } = view;
  const sentence = diagram.nodes.sentence;
  if (!sentence) {
    const width = place.wide ? 78 : 58;
    const at = place.wide ? { x: place.state.x + place.state.width / 2 - 8, y: 44 } : { x: place.state.x + place.state.width / 2 - 12, y: place.bottom + 19 };
    diagram.nodes.final = { ...at, kind: "final", width, height: 24, size: 12, text: bridge === "mean" ? (place.wide ? "mean state" : "mean") : place.wide ? "last state" : "last", part: "bridge", lit: 0.2 };
  }
  const [leave, arrive] = sentence ? (place.wide ? ["r", "l"] : ["b", "t"]) : place.wide ? ["t", "t"] : ["b", diagram.firstSide || "l"];
  const over = place.wide && !sentence ? { over: 5, arrive: 11 } : {};
  diagram.wires.push(wire(`${sentence ? "sentence" : "final"}.${leave}`, `${first}.${arrive}`, [0.22, end], { kind: "bridge", ...over }));
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

// ---- the architectures

const layersText = (trace) => (trace.model.num_layers > 1 ? `${trace.model.num_layers} × ${cellName(trace)}` : cellName(trace));

const DIAGRAMS = { bahdanau: bahdanauDiagram, luong: luongDiagram, gnmt: gnmtDiagram, plain: plainDiagram };

/** Attend with the state before the step; the context enters the cell, and the output layer. */
function bahdanauDiagram(view) {
  const at = placer(view);
  const sign = symbolsOf(view.trace, view.step);
  const across = queryShare(view);
  const nodes = {
    context: contextPort(view),
    before: stateNode(at([0.12, 0.07], [across, 16]), sign.before, "before", 0),
    word: { ...wordNode(view, at([0.14, 0.86], [0.13, 16])), above: !view.place.wide },
    cell: cellNode(at([0.4, 0.46], [across, 88]), cellName(view.trace), "cell", 5.3),
    after: stateNode(at([0.78, 0.46], [across, 150]), sign.after, "after", 5.45),
    out: { ...cellNode(at([0.78, 0.74], [0.84, 150]), "output", "readout", 5.6), height: 30 },
  };
  const wires = [
    wire("before.b", "cell.t", [5, 5.28], { kind: "decoder-flow" }),
    wire(view.place.wide ? "word.t" : "word.b", view.place.wide ? "cell.b" : "cell.l", [5, 5.28], { kind: "word-flow" }),
    wire(view.place.wide ? "context.r" : "context.b", "cell.r".replace("r", view.place.wide ? "l" : "r"), [5, 5.28], { kind: "context-flow", leave: view.place.wide ? 0 : -12 }),
    wire(view.place.wide ? "cell.r" : "cell.b", view.place.wide ? "after.l" : "after.t", [5.3, 5.42], { kind: "decoder-flow" }),
    wire(view.place.wide ? "after.b" : "after.r", view.place.wide ? "out.t" : "out.l", [5.45, 5.56], { kind: "decoder-flow" }),
    wire(view.place.wide ? "context.r" : "context.b", view.place.wide ? "out.l" : "out.t", [5.2, 5.56], { kind: "context-flow", leave: view.place.wide ? 14 : 12 }),
    wire(view.place.wide ? "word.r" : "word.b", "out.b", [5.2, 5.56], view.place.wide ? { kind: "word-flow" } : { kind: "word-flow", leave: -12, over: view.place.decoder.y + 182 }),
  ];
  return { nodes: withQuery(view, nodes), wires: [...queryWire(view, "before", [0.5, 0.85]), ...wires], first: "before", last: "out" };
}

/** Step, then attend with the new state; context and state join in h̃, which writes the word and may feed the next step. */
function luongDiagram(view) {
  const { wide } = view.place;
  const at = placer(view);
  const { trace, step } = view;
  const sign = symbolsOf(trace, step);
  const feeds = trace.model.input_feeding !== false;
  const nodes = {
    context: contextPort(view),
    before: stateNode(at([0.1, 0.2], [0.28, 92]), sign.before, "before", 0),
    word: wordNode(view, at([0.14, 0.42], [0.1, 92])),
    cell: cellNode(at([0.46, 0.2], [0.14, 18]), layersText(trace), "cell", 0.62),
    after: stateNode(at([0.82, 0.2], [queryShare(view), 18]), sign.after, "after", 0.7),
    combined: { ...stateNode(at([0.82, 0.62], [0.82, 112]), sign.combined, "combined", 5.35), kind: "combined" },
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
    nodes.fed = { ...stateNode(at([0.46, 0.46], [0.46, 92]), step > 0 ? sign.fed : "0", "fed", 0), kind: "combined" };
    wires.push(wire("fed.t", "cell.b", time, { kind: "decoder-flow", dashed: true, arrive: wide ? 12 : 20 }));
    wires.push(wire(wide ? "combined.b" : "combined.b", wide ? "fed.b" : "fed.b", [5.65, 5.85], { kind: "decoder-flow", dashed: true, leave: -10 }));
  }
  return { nodes: withQuery(view, nodes), wires: [...queryWire(view, "after", [0.72, 0.9]), ...wires], first: "before", firstSide: "t", last: "combined" };
}

/** The bottom layer asks; the context enters every layer that has not moved yet. */
function gnmtDiagram(view) {
  const { wide } = view.place;
  const at = placer(view);
  const { trace, step } = view;
  const sign = symbolsOf(trace, step);
  const current = trace.model.query_step === "current";
  const count = Math.max(2, trace.model.num_layers || 2);
  const shown = Math.min(count, MOST_LAYERS);
  const nodes = { context: contextPort(view) };
  const wires = [];
  const lit = (layer) => (current && layer === 0 ? 0.62 : 5.3 + 0.06 * layer);
  for (let layer = 0; layer < shown; layer++) {
    const number = shown < count && layer === shown - 1 ? count : layer + 1;
    const down = current ? (layer === 0 ? 18 : 40 + 50 * layer) : 84 + 50 * layer;
    const place = at([0.56, 0.76 - (0.6 * layer) / (shown - 1)], [current ? (layer === 0 ? 0.14 : 0.66) : queryShare(view), down]);
    nodes[`layer${layer}`] = { ...cellNode(place, `${cellName(trace)} ${number}`, `layer:${number - 1}`, lit(layer)), width: 76, height: 30, size: 13 };
    if (layer > 0 && !(current && layer === 1)) {
      wires.push(wire(wide ? `layer${layer - 1}.t` : `layer${layer - 1}.b`, wide ? `layer${layer}.b` : `layer${layer}.t`, [lit(layer) - 0.04, lit(layer)], { kind: "decoder-flow", dashed: number > layer + 1 }));
    }
    if (!(current && layer === 0)) {
      wires.push(wire(wide ? "context.r" : "context.b", wide ? `layer${layer}.l` : `layer${layer}.r`, [5, 5.28], { kind: "context-flow" }));
    }
  }
  nodes.word = wordNode(view, at([0.56, 0.95], [current ? 0.09 : 0.13, current ? 92 : 84]));
  const asks = current ? [0.45, 0.6] : [5, 5.28];
  wires.push(wire(wide ? "word.t" : current ? "word.t" : "word.r", wide ? "layer0.b" : current ? "layer0.b" : "layer0.l", asks, { kind: "word-flow", arrive: !wide && current ? -12 : 0 }));
  if (current) addCurrentQuery(view, nodes, wires, at, sign);
  else {
    nodes.before = stateNode(at([0.12, 0.06], [queryShare(view), 16]), sign.before, "before", 0);
    wires.push(wire("before.b", wide ? "layer0.l" : "layer0.t", [5, 5.28], { kind: "decoder-flow", arrive: wide ? 8 : 0 }));
  }
  const query = current ? queryWire(view, "after", [0.72, 0.9]) : queryWire(view, "before", [0.5, 0.85]);
  return { nodes: withQuery(view, nodes), wires: [...query, ...wires], first: "before", last: `layer${shown - 1}` };
}

/** With the current query the bottom layer moves before attention, knowing the context of the step before. */
function addCurrentQuery(view, nodes, wires, at, sign) {
  const { wide } = view.place;
  nodes.before = stateNode(at([0.1, 0.9], [0.27, 92]), sign.before, "before", 0);
  nodes.contextBefore = { ...at([0.1, 0.68], [0.44, 92]), kind: "context", width: 46, height: 24, text: view.step > 0 ? sign.contextBefore : "0", part: "context-before", lit: 0 };
  nodes.after = stateNode(at([0.9, 0.42], [queryShare(view), 18]), sign.after, "after", 0.7);
  wires.push(
    wire(wide ? "before.r" : "before.t", wide ? "layer0.l" : "layer0.b", [0.45, 0.6], { kind: "decoder-flow", arrive: wide ? 8 : 4 }),
    wire(wide ? "contextBefore.r" : "contextBefore.t", wide ? "layer0.l" : "layer0.b", [0.45, 0.6], { kind: "context-flow", arrive: wide ? -6 : 20 }),
    wire(wide ? "layer0.r" : "layer0.r", wide ? "after.b" : "after.l", [0.6, 0.7], { kind: "decoder-flow" }),
    wire(wide ? "after.l" : "after.b", wide ? "layer1.r" : "layer1.t", [5.1, 5.32], { kind: "decoder-flow" }),
  );
}

/** No attention: whatever the decoder knows of the sentence went through one vector of fixed size. */
function plainDiagram(view) {
  const { wide, decoder } = view.place;
  const at = placer(view);
  const { trace, step } = view;
  const sign = symbolsOf(trace, step);
  const every = trace.model.sentence_vector === "every_step";
  const nodes = {
    sentence: sentenceNode(view),
    before: stateNode(at([0.16, 0.2], [0.2, 22]), sign.before, "before", 0),
    word: wordNode(view, at([0.16, 0.74], [0.2, 84])),
    cell: cellNode(at([0.5, 0.47], [0.5, 52]), layersText(trace), "cell", 1.3),
    after: stateNode(at([0.86, 0.47], [0.82, 52]), sign.after, "after", 1.5),
  };
  const wires = [
    wire("before.r", wide ? "cell.t" : "cell.l", [1, 1.28], { kind: "decoder-flow", arrive: wide ? 0 : -8 }),
    wire("word.r", wide ? "cell.b" : "cell.l", [1, 1.28], { kind: "word-flow", arrive: wide ? 0 : 8 }),
    wire("cell.r", "after.l", [1.3, 1.48], { kind: "decoder-flow" }),
  ];
  if (every) wires.push(wire(wide ? "sentence.r" : "sentence.b", wide ? "cell.l" : "cell.t", [1, 1.28], { kind: "bridge" }));
  return { nodes, wires, first: "before", last: "after" };
}

function sentenceNode(view) {
  const { place } = view;
  const at = place.wide
    ? { x: place.state.x + place.state.width + 165, y: place.decoder.y + place.decoder.height * 0.47 }
    : { x: place.width / 2, y: place.bottom + 62 };
  return { ...at, kind: "final", width: 132, height: 34, size: 13, text: "sentence vector", part: "sentence", lit: view.step > 0 ? 0 : 0.35 };
}

/** Every state squeezed through one: the funnel of the fixed vector. */
function funnel(view) {
  const { place, time, step } = view;
  const node = sentenceNode(view);
  const seen = step > 0 ? 0.45 : 0.25 + 0.75 * span(time, 0.1, 0.4);
  const d = place.wide
    ? funnelAcross(place.state.x + place.state.width + 12, place.top, place.bottom, node)
    : funnelDown(place.state.x - 4, place.state.x + place.state.width + 4, place.bottom + 4, node);
  return [outline("funnel", d, { class: "funnel", opacity: seen })];
}

function funnelAcross(x, top, bottom, node) {
  const end = node.x - node.width / 2 + 2;
  const middle = short((x + end) / 2);
  const [y1, y2] = [node.y - 9, node.y + 9].map(short);
  return `M${short(x)} ${short(top)}C${middle} ${short(top)} ${middle} ${y1} ${short(end)} ${y1}V${y2}C${middle} ${y2} ${middle} ${short(bottom)} ${short(x)} ${short(bottom)}Z`;
}

function funnelDown(left, right, y, node) {
  const end = node.y - node.height / 2 + 2;
  const middle = short((y + end) / 2);
  const [x1, x2] = [node.x - 12, node.x + 12].map(short);
  return `M${short(left)} ${short(y)}C${short(left)} ${middle} ${x1} ${middle} ${x1} ${short(end)}H${x2}C${x2} ${middle} ${short(right)} ${middle} ${short(right)} ${short(y)}Z`;
}

/** On a narrow page the state that asks stands right under the scores, so that its line goes straight up. */
function queryShare(view) {
  const { place } = view;
  return place.wide ? 0 : (place.score.x - 7 - place.decoder.x) / place.decoder.width;
}

function withQuery(view, nodes) {
  const { place } = view;
  if (!place.wide) return nodes;
  const width = place.state.width + 24;
  return { ...nodes, query: { x: place.score.x - 15 + width / 2, y: place.query.y, width, height: 28 } };
}

function queryWire(view, name, at) {
  return view.place.wide ? [wire(`${name}.t`, "query.r", at, { kind: "decoder-flow", over: view.place.query.y, leave: -8 })] : [];
}

// ---- the next word

function tallHeight(trace) {
  const most = Math.max(1, ...trace.steps.map((step) => shownCandidates(step).length));
  return diagramHeight(trace) + 30 + CANDIDATES.row * most;
}

function diagramHeight(trace) {
  const { decoder, num_layers: layers, query_step: query } = trace.model;
  const shown = Math.min(Math.max(2, layers || 2), MOST_LAYERS);
  if (decoder === "gnmt") return query === "current" ? Math.max(130, 40 + 50 * shown) : 84 + 50 * shown;
  return { bahdanau: 196, luong: 158, plain: 120 }[decoder] ?? 196;
}

/** The most probable next tokens; the written one is among them even if it was forced. */
function shownCandidates(step) {
  const list = step.candidates || [];
  if (!list.length || list.some((candidate) => candidate.token === step.token)) return list;
  return [...list.slice(0, 4), { token: step.token, probability: Math.exp(step.log_probability) }];
}

function candidateList(view, diagram) {
  const { place, time, now, trace } = view;
  const end = phasesOf(trace).length;
  const seen = span(time, end - 0.4, end - 0.2);
  const list = shownCandidates(now);
  const width = place.wide ? CANDIDATES.wide : Math.min(place.decoder.width, 420);
  const last = diagram.nodes[diagram.last];
  const x = place.wide ? place.decoder.x + place.decoder.width - width : place.decoder.x + (place.decoder.width - width) / 2;
  const block = Math.max(1, list.length) * CANDIDATES.row;
  const top = place.wide
    ? Math.min(Math.max(last.y - block / 2, place.decoder.y + 26), place.decoder.y + place.decoder.height - block)
    : place.decoder.y + diagramHeight(trace) + 28;
  const shapes = candidateArrow(view, last, { x, y: top, width, block }, end);
  shapes.push(label("candidates.head", x + 4, top - 8, list.length ? "next word" : "", { class: "head", opacity: 0.5 + 0.5 * seen }));
  if (!list.length) return { shapes: [...shapes, ...unknownNext(x, top, width, seen)], hits: [] };
  const rows = list.map((candidate, number) => candidateRow(view, candidate, number, x, top + number * CANDIDATES.row, width, seen));
  const hits = list.map((_, number) => ({ part: `candidate:${number}`, x, y: top + number * CANDIDATES.row, width, height: CANDIDATES.row - 2 }));
  return { shapes: [...shapes, ...rows.flat()], hits };
}

function candidateArrow(view, last, box, end) {
  const { wide } = view.place;
  const target = wide
    ? { x: box.x + 2, y: Math.min(Math.max(last.y, box.y + 8), box.y + box.block - 8), width: 8, height: 4 }
    : { x: Math.min(Math.max(last.x, box.x + 90), box.x + box.width - 20), y: box.y - 10, width: 8, height: 4 };
  const nodes = { last, target };
  return wireShapes(view, { nodes }, wire(wide ? "last.r" : "last.b", wide ? "target.l" : "target.t", [end - 0.42, end - 0.32], { kind: "decoder-flow" }), "next");
}

function candidateRow(view, candidate, number, x, y, width, seen) {
  const written = candidate.token === view.now.token;
  const room = width - 56;
  const text = fitText(shownToken(candidate.token), room - 14, 14);
  const share = percent(candidate.probability);
  const name = view.trace.model.decoder && written ? " written" : "";
  return [
    rect(`candidate.back.${number}`, x, y, room, CANDIDATES.row - 4, { class: "track", rx: 3, opacity: seen }),
    rect(`candidate.bar.${number}`, x, y, Math.max(1, room * candidate.probability * seen), CANDIDATES.row - 4, { class: `candidate${name}`, rx: 3, opacity: seen }),
    label(`candidate.${number}`, x + 7, y + 15.5, isolated(text), { class: `word${name}${candidate.token === END ? " end" : ""}`, "font-size": 14, opacity: seen }),
    label(`candidate.share.${number}`, x + room + 6, y + 15, share, { class: `number${name}`, "font-size": 12.5, opacity: seen, part: `candidate:${number}` }),
  ];
}

function unknownNext(x, y, width, seen) {
  return [
    rect("candidate.none", x, y, Math.min(width, 120), CANDIDATES.row, { class: "node word", rx: 12, opacity: 0.3 + 0.7 * seen }),
    label("candidate.none.name", x + Math.min(width, 120) / 2, y + 17, "the next word", { class: "node-name", "font-size": 13, "text-anchor": "middle", opacity: 0.4 + 0.6 * seen }),
  ];
}
