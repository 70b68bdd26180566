// Lines that grow with time, and arrows (wires) between the sides of two nodes.

/** Draw the first part of a line, up to `progress` of its length. */
function grown(key, line, progress, rest) {
  const drawn = line.length * progress;
  const dashes = `${short(drawn)} ${short(line.length + 8)}`;
  return outline(key, line.d, { ...rest, "stroke-dasharray": dashes, opacity: progress > 0 ? (rest.opacity ?? 1) : 0 });
}

/** A polyline through the points with rounded corners, and its length. */
function rounded(points, radius = 14) {
  let d = `M${short(points[0].x)} ${short(points[0].y)}`;
  let length = 0;
  for (let index = 1; index < points.length; index++) {
    const [a, b, c] = [points[index - 1], points[index], points[index + 1]];
    const reach = Math.hypot(b.x - a.x, b.y - a.y);
    length += reach;
    if (!c) {
      d += `L${short(b.x)} ${short(b.y)}`;
      break;
    }
    const onward = Math.hypot(c.x - b.x, c.y - b.y);
    const turn = Math.min(radius, reach / 2, onward / 2);
    const [from, to] = [[a, reach], [c, onward]].map(([end, size]) => ({ x: b.x + ((end.x - b.x) * turn) / size, y: b.y + ((end.y - b.y) * turn) / size }));
    d += `L${short(from.x)} ${short(from.y)}Q${short(b.x)} ${short(b.y)} ${short(to.x)} ${short(to.y)}`;
    length -= 0.38 * turn;
  }
  return { d, length };
}

/** A cubic Bézier curve that leaves and arrives along (dx, dy) of its ends, and its length. */
function curve(from, to) {
  const reach = 0.5 * Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  const a = { x: from.x + (from.dx || 0) * reach, y: from.y + (from.dy || 0) * reach };
  const b = { x: to.x - (to.dx || 0) * reach, y: to.y - (to.dy || 0) * reach };
  const points = [from, a, b, to].map((point) => `${short(point.x)} ${short(point.y)}`);
  return { d: `M${points[0]}C${points.slice(1).join(" ")}`, length: cubicLength(from, a, b, to) };
}

function cubicLength(p, a, b, q) {
  let length = 0;
  let last = p;
  for (let part = 1; part <= 24; part++) {
    const t = part / 24;
    const u = 1 - t;
    const mix = (name) => u * u * u * p[name] + 3 * u * u * t * a[name] + 3 * u * t * t * b[name] + t * t * t * q[name];
    const point = { x: mix("x"), y: mix("y") };
    length += Math.hypot(point.x - last.x, point.y - last.y);
    last = point;
  }
  return length;
}

const SIDES = { l: [-0.5, 0, -1, 0], r: [0.5, 0, 1, 0], t: [0, -0.5, 0, -1], b: [0, 0.5, 0, 1] };

/** A wire from a side of one node to a side of another (`"cell.r"`), filled between the two times of `at`. */
const wire = (from, to, at, rest = {}) => ({ from: from.split("."), to: to.split("."), at, ...rest });

/** The point at the middle of a node's side, moved along it by `shift`, and the direction outwards. */
function portOf(node, side, shift = 0) {
  const [x, y, dx, dy] = SIDES[side];
  return { x: node.x + x * node.width + (y ? shift : 0), y: node.y + y * node.height + (x ? shift : 0), dx, dy };
}

/** A wire as its line, the part through which something has flowed, and its tip. */
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

/** A path by way of height y: vertically to it, across, and into the other node from above or from the side. */
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
