// The beam tree as a drawing. Pure: (beam, options) -> SVG text.

const TREE = { column: 132, row: 27, width: 104, height: 22, top: 34, left: 74 };

/** The tree; `dropped` is how many of the dropped continuations each step shows. */
function drawTree(beam, { dropped = 4, label = "Beam tree" } = {}) {
  const columns = treeColumns(beam, dropped);
  const places = new Map();
  columns.forEach((column, step) => column.shown.forEach((node, row) => {
    places.set(node.id, { x: TREE.left + step * TREE.column, y: TREE.top + 14 + row * TREE.row });
  }));
  const height = TREE.top + Math.max(1, ...columns.map((column) => column.shown.length + (column.hidden ? 0.8 : 0))) * TREE.row + 8;
  const shapes = [...treeStart(), ...columns.flatMap((column, step) => columnShapes(beam, column, step, places))];
  const hits = columns.flatMap((column) => column.shown.map((node) => treeHit(beam, node, places.get(node.id))));
  return svgText(TREE.left + columns.length * TREE.column, height, shapes.map(shapeText).join("") + hits.join(""), { interactive: true, label });
}

/** For each step: kept nodes by score, then the best of the dropped ones, and how many were left out. */
function treeColumns(beam, dropped) {
  const columns = [];
  for (const node of beam.nodes) (columns[node.step] = columns[node.step] || []).push(node);
  const byScore = (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity);
  return Array.from(columns, (column = []) => {
    const kept = column.filter((node) => node.kept).sort(byScore);
    const rest = column.filter((node) => !node.kept).sort(byScore);
    return { shown: [...kept, ...rest.slice(0, dropped)], hidden: Math.max(0, rest.length - dropped) };
  });
}

/** The probability of a node's token after what stands before it. */
function nodeProbability(beam, node) {
  const before = node.parent < 0 ? 0 : beam.nodes[node.parent].log_probability;
  return Math.exp(node.log_probability - before);
}

function nodeBeginning(beam, node) {
  const tokens = [];
  for (let at = node; at; at = at.parent < 0 ? null : beam.nodes[at.parent]) tokens.unshift(shownToken(at.token));
  return tokens;
}

function treeStart() {
  return [
    rect("start", 4, TREE.top + 3, 54, TREE.height, { class: "tree-node kept best", rx: 11 }),
    label("start.name", 31, TREE.top + 18.5, "start", { class: "faint", "text-anchor": "middle", "font-size": 13 }),
  ];
}

function columnShapes(beam, column, step, places) {
  const x = TREE.left + step * TREE.column;
  const head = label(`step.${step}`, x + TREE.width / 2, 18, String(step + 1), { class: "head", "text-anchor": "middle" });
  const lines = column.shown.map((node) => treeLine(node, places));
  const nodes = column.shown.flatMap((node) => treeNode(beam, node, places.get(node.id)));
  const more = column.hidden
    ? [label(`more.${step}`, x + 8, TREE.top + 10 + column.shown.length * TREE.row + 8, `+ ${column.hidden} dropped`, { class: "faint", "font-size": 12 })]
    : [];
  return [head, ...lines, ...nodes, ...more];
}

const treeKind = (node) => (node.best ? "kept best" : node.kept ? "kept" : "dropped");

function treeLine(node, places) {
  const to = places.get(node.id);
  const from = places.get(node.parent) || { x: 58 - TREE.width, y: TREE.top + 14 };
  const line = curve({ x: from.x + TREE.width, y: from.y, dx: 1 }, { x: to.x, y: to.y, dx: 1 });
  return outline(`line.${node.id}`, line.d, { class: `tree-line ${treeKind(node)}` });
}

function treeNode(beam, node, at) {
  const kind = treeKind(node);
  const share = percent(nodeProbability(beam, node));
  const room = TREE.width - 16 - textWidth(share) * 11;
  const text = fitText(node.token === END ? "end" : shownToken(node.token), room, 13);
  return [
    rect(`node.${node.id}`, at.x, at.y - TREE.height / 2, TREE.width, TREE.height, { class: `tree-node ${kind}`, rx: 4 }),
    label(`name.${node.id}`, at.x + 6, at.y + 4.5, isolated(text), { class: `tree-name ${kind}${node.token === END ? " end" : ""}`, "font-size": 13 }),
    label(`share.${node.id}`, at.x + TREE.width - 5, at.y + 4.5, share, { class: "faint number", "font-size": 11, "text-anchor": "end" }),
  ];
}

function treeHit(beam, node, at) {
  const box = `x="${short(at.x)}" y="${short(at.y - TREE.height / 2)}" width="${TREE.width}" height="${TREE.height}"`;
  return `<rect class="hit" ${box} rx="4" data-node="${node.id}" tabindex="-1" role="button" aria-label="${escapeText(nodeName(beam, node))}"/>`;
}

function nodeName(beam, node) {
  const fate = node.best ? "returned" : node.kept ? "kept" : "dropped";
  return `${nodeBeginning(beam, node).join(" ")}: ${percent(nodeProbability(beam, node))}, ${fate}`;
}
