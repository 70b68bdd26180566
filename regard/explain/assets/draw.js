// One moment of attention as a drawing. Pure: (trace, step, time, options) -> shapes -> SVG text.
//
// A word takes as many units of time as its model has phases: time 2.4 is 40 % into the third one. Shapes are flat
// records with a key, so that the page, a single picture and an animated file are all made of the same list.

const PHASES = {
  attention: ["Prepare", "Score", "Softmax", "Multiply", "Sum", "Feed"],
  plain: ["Squeeze", "Write"],
};
const ROW = { full: 27, large: 22, thin: 5, readable: 17, numbers: 36 };
const SUM_THICKNESS = { wide: 64, tall: 22 };

/** The names of the phases of each word. */
function phasesOf(trace) {
  return attends(trace) ? PHASES.attention : PHASES.plain;
}

function attends(trace) {
  return trace.steps.some((step) => step.weights);
}

/** Where a position on the whole time line lies: which word, and how far into its phases. */
function momentOf(trace, position) {
  const length = phasesOf(trace).length;
  const step = Math.min(trace.steps.length - 1, Math.max(0, Math.ceil(position / length) - 1));
  return { step, time: position - step * length };
}

/** The phase that a time belongs to; the end of a phase still does. */
function phaseAt(time) {
  return Math.max(0, Math.ceil(time) - 1);
}

/** The drawing as SVG text, `options.width` units wide; `interactive` adds what can be pointed at. */
function drawStep(trace, step, time, options) {
  const scene = sceneOf(trace, step, time, options);
  const shapes = scene.shapes.map(shapeText).join("");
  const hits = options.interactive ? scene.hits.map((hit) => hitText(trace, step, hit)).join("") : "";
  return svgText(scene.width, scene.height, shapes + hits, options);
}

function svgText(width, height, inside, options = {}) {
  const size = `viewBox="0 0 ${short(width)} ${short(height)}"`;
  const names = `class="drawing" role="${options.interactive ? "group" : "img"}"`;
  const label = escapeText(options.label || "Attention, step by step");
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${names} aria-label="${label}">${options.head || ""}${inside}</svg>`;
}

/** All shapes of one moment, and the places that can be pointed at. */
function sceneOf(trace, step, time, options) {
  const view = viewOf(trace, step, time, options);
  const layers = attends(trace)
    ? [headings, summary, bus, gather, encoderRows, scoreColumn, weightColumn, weightedColumn, ribbons, contextNode, panel, queryNode]
    : [headings, funnel, encoderRows, panel];
  const parts = layers.map((layer) => layer(view));
  return {
    width: view.place.width,
    height: view.place.height,
    shapes: parts.flatMap((part) => part.shapes || part),
    hits: parts.flatMap((part) => part.hits || []),
  };
}

function viewOf(trace, step, time, options) {
  const rows = rowsAt(trace, step, time, options);
  const place = placesOf(trace, rows, options);
  for (const row of rows) row.y += place.top;
  return { trace, step, time, rows, place, now: trace.steps[step] };
}

// ---- where things stand

/** Top (from 0) and height of the row of each source token. Long sentences: full height where the weight is. */
function rowsAt(trace, step, time, options) {
  const now = heightsAt(trace, step, options);
  const before = step > 0 ? heightsAt(trace, step - 1, options) : now;
  const moved = span(time, 0, 0.5);
  let top = 0;
  return now.map((height, place) => {
    const mixed = before[place] + (height - before[place]) * moved;
    const row = { height: mixed, top, y: top + mixed / 2, small: mixed < ROW.readable - 3 };
    top += mixed;
    return row;
  });
}

function heightsAt(trace, step, options) {
  const count = trace.source.tokens.length;
  const budget = options.height || 460;
  const weights = trace.steps[step].weights;
  const even = Math.min(isSmall(trace) ? ROW.numbers : ROW.full, Math.max(budget / count, options.unfolded ? ROW.readable : 0));
  if (even >= ROW.readable || !weights) return Array(count).fill(Math.max(even, ROW.readable - 3));
  const full = Math.max(4, Math.floor((budget - count * ROW.thin) / (ROW.large - ROW.thin)));
  const order = weights.map((_, place) => place).sort((a, b) => weights[b] - weights[a]);
  const large = new Set(order.slice(0, full));
  return weights.map((_, place) => (large.has(place) ? ROW.large : ROW.thin));
}

/** Whether the rows of a long sentence do not all fit: then only those that matter now are shown in full. */
function isFolded(trace, options) {
  return attends(trace) && (options.height || 460) / trace.source.tokens.length < ROW.readable;
}

/** Vectors of so few numbers that these are written into their cells. */
function isSmall(trace) {
  return Boolean(trace.states) && trace.states[0].length <= 4;
}

/** Places of columns, decoder and context: side by side where there is room, else one above the other. */
function placesOf(trace, rows, options) {
  const wide = options.width >= 1000;
  const width = Math.max(320, options.width);
  const memory = trace.states ? trace.states[0].length : 0;
  const place = wide ? widePlaces(width, memory, attends(trace)) : tallPlaces(width, memory, attends(trace));
  place.rowsHeight = rows.reduce((sum, row) => sum + row.height, 0);
  place.bottom = place.top + place.rowsHeight;
  return wide ? endWide(place, trace) : endTall(place, trace);
}

function widePlaces(width, memory, looks) {
  const cells = memory <= 4 ? memory : 10;
  const strip = memory <= 4 ? 32 * Math.max(memory, 1) : 86;
  const free = Math.max(0, width - 1000);
  const word = { x: 4, width: 110 + free * 0.12 };
  const state = { x: word.x + word.width + 15, width: strip };
  const score = { x: state.x + strip + 22, width: 74 };
  const weight = { x: score.x + score.width + 14, width: 112 + free * 0.14 };
  const weighted = { x: weight.x + weight.width + 10, width: strip };
  const context = { x: weighted.x + strip + 52 + free * 0.1, width: strip + 16 };
  const left = looks ? context.x + context.width + 16 : state.x + strip + 250;
  const decoder = { x: left, width: width - left - 4 };
  return { wide: true, numbers: 44, width, top: looks ? 96 : 44, cells, word, state, score, weight, weighted, context, decoder };
}

function endWide(place, trace) {
  const height = Math.max(place.rowsHeight, trace.model.decoder === "plain" ? 260 : 310);
  place.decoder.y = place.top - 6;
  place.decoder.height = height;
  place.context.height = 78;
  const least = trace.model.decoder === "luong" ? 140 : 86;
  place.context.y = place.top + Math.max(place.rowsHeight * 0.5 - 39, least);
  place.query = { x: place.score.x + place.score.width / 2, y: 44 };
  place.height = place.top + Math.max(height, place.rowsHeight + 36) + 6;
  return place;
}

function tallPlaces(width, memory, looks) {
  const cells = memory <= 4 ? memory : width < 480 ? 5 : 10;
  const strip = memory <= 4 ? 17 * Math.max(memory, 1) : width < 480 ? 40 : 90;
  const margin = 10;
  const wordWidth = Math.min(140, (width - margin) * 0.19);
  const word = { x: margin, width: looks ? wordWidth : 110 };
  const state = { x: word.x + word.width + 12, width: strip };
  const score = { x: state.x + strip + 8, width: width < 480 ? 36 : 60 };
  const weighted = { x: width - 32 - strip, width: strip };
  const weight = { x: score.x + score.width + 8, width: weighted.x - score.x - score.width - 14 };
  const context = { x: width - strip - 18, width: strip + 16 };
  return { wide: false, numbers: 35, width, top: 34, cells, word, state, score, weight, weighted, context };
}

function endTall(place, trace) {
  const looks = attends(trace);
  const top = place.bottom + (looks ? 42 : 110);
  place.context.height = 54;
  place.context.y = top - 4;
  place.query = { x: place.score.x + place.score.width / 2, y: top };
  place.decoder = { x: 4, y: top, width: place.width - 8, height: tallHeight(trace) };
  place.height = top + place.decoder.height + 4;
  return place;
}

// ---- shapes

const rect = (key, x, y, width, height, rest) => ({ key, tag: "rect", x, y, width, height, ...rest });
const label = (key, x, y, text, rest) => ({ key: `${key}=${text}`, tag: "text", x, y, text, ...rest });
const outline = (key, d, rest) => ({ key, tag: "path", d, ...rest });

/** Smoothly from 0 to 1 while `time` goes from one to the other. */
function span(time, from, to) {
  const part = Math.min(1, Math.max(0, (time - from) / (to - from)));
  return part * part * (3 - 2 * part);
}

function short(value) {
  return String(Math.round(value * 100) / 100);
}

const SPECIAL = new Set(["key", "tag", "text", "part"]);

/** Straight lines with rounded corners through the points, with their length. */
function rounded(points, radius = 14) {
  let d = `M${short(points[0].x)} ${short(points[0].y)}`;
  let length = 0;
  for (let place = 1; place < points.length; place++) {
    const [a, b, c] = [points[place - 1], points[place], points[place + 1]];
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

function shapeText(shape) {
  const given = Object.entries(shape).filter(([name, value]) => !SPECIAL.has(name) && value !== undefined);
  const attributes = given.map(([name, value]) => ` ${name}="${attributeText(value)}"`).join("");
  const part = shape.part ? ` data-of="${escapeText(shape.part)}"` : "";
  const start = `<${shape.tag}${attributes}${part}`;
  return shape.text === undefined ? `${start}/>` : `${start}>${escapeText(shape.text)}</${shape.tag}>`;
}

function attributeText(value) {
  return typeof value === "number" ? short(value) : escapeText(value);
}

/** A word that keeps its own direction, whatever stands beside it. */
function isolated(text) {
  return isRightToLeft(text) ? `\u2067${text}\u2069` : text;
}

function hitText(trace, step, hit) {
  const name = escapeText(partName(trace, step, hit.part));
  const box = `x="${short(hit.x)}" y="${short(hit.y)}" width="${short(hit.width)}" height="${short(hit.height)}"`;
  return `<rect class="hit" ${box} rx="5" data-part="${escapeText(hit.part)}" tabindex="-1" role="button" aria-label="${name}"/>`;
}

/** A cubic curve leaving and arriving in the given directions, with its length. */
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

/** A line drawn only as far as it has grown. */
function grown(key, line, progress, rest) {
  const drawn = line.length * progress;
  const dashes = `${short(drawn)} ${short(line.length + 8)}`;
  return outline(key, line.d, { ...rest, "stroke-dasharray": dashes, opacity: progress > 0 ? (rest.opacity ?? 1) : 0 });
}

/** A vector as coloured cells: blue-green above zero, orange below, as strong as the number is large. */
function strip(key, vector, x, y, width, height, view, factor = 1, opacity = 1) {
  if (!vector || !view.place.cells) return [];
  const cells = Math.min(view.place.cells, vector.length);
  const size = width / cells;
  const largest = largestNumber(view.trace);
  const texts = vector.slice(0, cells).map((value) => shortNumber(value * factor));
  const written = vector.length <= 4 && height >= 15 && texts.every((text) => textWidth(text) * 11 <= size);
  return vector.slice(0, cells).flatMap((value, place) => {
    const left = x + place * size;
    const strength = Math.min(1, Math.abs(value * factor) / largest) * 0.92;
    const cell = rect(`${key}.${place}`, left + 0.5, y - height / 2, size - 1, height, {
      class: value < 0 ? "below" : "above", "fill-opacity": strength, opacity, rx: 1.5,
    });
    if (!written) return [cell];
    const number = label(`${key}.${place}`, left + size / 2, y + 4, texts[place], {
      class: `cell-number${strength > 0.6 ? " on" : ""}`, "text-anchor": "middle", opacity,
    });
    return [cell, number];
  });
}

const LARGEST = new WeakMap();

/** The number that counts as the strongest colour: of all states, the 98th percentile. */
function largestNumber(trace) {
  if (!LARGEST.has(trace)) {
    const sizes = (trace.states || [[1]]).flat().map(Math.abs).sort((a, b) => a - b);
    LARGEST.set(trace, sizes[Math.floor(0.98 * (sizes.length - 1))] || 1);
  }
  return LARGEST.get(trace);
}

/** A decoder state's shape: six corners, so that colour is not all that tells it from an encoder state. */
function hexagon(key, x, y, width, height, rest) {
  const cut = Math.min(9, height / 2.6);
  const [left, right, top, bottom] = [x - width / 2, x + width / 2, y - height / 2, y + height / 2].map(short);
  const [inLeft, inRight] = [x - width / 2 + cut, x + width / 2 - cut].map(short);
  return outline(key, `M${inLeft} ${top}H${inRight}L${right} ${short(y)}L${inRight} ${bottom}H${inLeft}L${left} ${short(y)}Z`, rest);
}

// ---- layers of the drawing

function headings(view) {
  const { place, time } = view;
  const phase = phaseAt(time);
  const y = place.top - 12;
  const names = attends(view.trace)
    ? [["state", 0, "encoder states", "states"], ["score", 1, "scores", "scores"], ["weight", 2, "weights", "weights"],
       ["weighted", 3, "weighted states", "weighted"]]
    : [["state", 0, "encoder states", "encoder states"]];
  const shown = names.map(([column, number, long, brief]) => {
    const text = place.wide ? long : brief;
    const at = place[column];
    const lit = phase === number && attends(view.trace) ? " lit" : "";
    const middle = column === "weight" ? at.x : at.x + at.width / 2;
    return label(`head.${column}${lit}`, middle, y, text, {
      class: `head${lit}`, "text-anchor": column === "weight" ? "start" : "middle",
    });
  });
  const rule = outline("head.rule", `M${place.word.x} ${place.top - 4}H${short(place.weighted.x + (attends(view.trace) ? place.weighted.width : -90))}`, { class: "rule" });
  return attends(view.trace) ? [...shown, rule] : shown;
}

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

function weightColumn(view) {
  const { place, now, rows, time } = view;
  const { weight } = place;
  const room = weight.width - place.numbers;
  const best = largestPlace(now.weights);
  const shapes = [];
  const hits = [];
  rows.forEach((row, number) => {
    const value = now.weights[number];
    const size = span(time, 2.05, 2.6);
    const height = row.small ? 2.5 : 14;
    shapes.push(rect(`weight.track.${number}`, weight.x, row.y - height / 2, room, height, { class: "track", rx: 2, opacity: span(time, 2, 2.2) }));
    shapes.push(rect(`weight.bar.${number}`, weight.x, row.y - height / 2, Math.max(0.5, room * value * size), height, {
      class: "weight", rx: 2, opacity: span(time, 2, 2.1),
    }));
    if (!row.small) {
      const text = shareNumber(value, place.wide ? 3 : 2);
      shapes.push(label(`weight.${number}`, weight.x + room + 4, row.y + 4.5, text, {
        class: `number${number === best && value > 0 ? " most" : ""}`, "font-size": place.wide ? 13 : 12, part: `weight:${number}`, opacity: span(time, 2.4, 2.7),
      }));
    }
    hits.push({ part: `weight:${number}`, x: weight.x - 2, y: row.y - row.height / 2, width: weight.width, height: row.height });
  });
  return { shapes, hits };
}

/** Under the weights: laid end to end they fill exactly one. */
function summary(view) {
  const { place, now, time } = view;
  const { weight } = place;
  const room = weight.width - place.numbers;
  const y = place.bottom + 9;
  const seen = span(time, 2.55, 2.8);
  let left = weight.x;
  const parts = now.weights.map((value, number) => {
    const part = rect(`sum.${number}`, left, y, Math.max(0, room * value * seen - 0.6), 7, { class: number % 2 ? "weight soft" : "weight", opacity: seen });
    left += room * value * seen;
    return part;
  });
  const total = now.weights.reduce((sum, value) => sum + value, 0);
  const text = `= ${shortNumber(Math.round(total * 1e4) / 1e4)}`;
  return [
    rect("sum.track", weight.x, y, room, 7, { class: "track", opacity: span(time, 2, 2.2) }),
    ...parts,
    label(`sum`, weight.x + room + 4, y + 8, text, { class: "number", "font-size": 12, opacity: seen, part: "sum" }),
  ];
}

function weightedColumn(view) {
  const { place, now, rows, time, trace } = view;
  const moved = span(time, 3, 3.65);
  const begun = span(time, 3, 3.08);
  const shapes = [];
  const hits = [];
  rows.forEach((row, number) => {
    const weight = now.weights[number];
    const vector = trace.states && trace.states[number];
    const x = place.state.x + (place.weighted.x - place.state.x) * moved;
    const height = capsuleHeight(view, row);
    const factor = 1 + (weight - 1) * (moved >= 1 ? 1 : moved);
    const opacity = begun * (0.25 + 0.75 * Math.max(1 - moved, Math.sqrt(weight)));
    hits.push({ part: `aligned:${number}`, x: place.weighted.x - 5, y: row.y - row.height / 2, width: place.weighted.width + 10, height: row.height });
    if (row.small) {
      shapes.push(rect(`weighted.thin.${number}`, x - 4, row.y - height / 2, place.state.width + 8, height, { class: "encoder thin", rx: 1.5, opacity: opacity * 0.6 }));
      return;
    }
    shapes.push(rect(`weighted.${number}`, x - 4, row.y - height / 2, place.state.width + 8, height, { class: "encoder aligned", rx: height / 2, opacity }));
    const still = vector && vector.length <= 4 && moved < 1 ? 1 : factor;
    shapes.push(...strip(`weighted.cell.${number}`, vector, x + 2, row.y, place.state.width - 4, height - 6, view, still, begun));
  });
  return { shapes, hits };
}

/** The weighted states flow together: each ribbon ends as thick as its weight. */
function ribbons(view) {
  const { place, now, rows, time } = view;
  const thickness = place.wide ? SUM_THICKNESS.wide : SUM_THICKNESS.tall;
  const progress = span(time, 4, 4.6);
  let filled = 0;
  return rows.map((row, number) => {
    const size = now.weights[number] * thickness;
    const along = filled + size / 2;
    filled += size;
    const from = { x: place.weighted.x + place.weighted.width + 5, y: row.y };
    if (place.wide) return ribbonAcross(number, from, { x: place.context.x, y: place.context.y + 7 + along }, size, row.height, progress);
    const x = place.width - 5 - along;
    const line = rounded([from, { x, y: row.y }, { x, y: place.context.y }]);
    return grown(`ribbon.${number}`, line, progress, { class: "ribbon line", "stroke-width": Math.max(0.4, size) });
  });
}

/** A band from a row to the context, no thicker than the row where it begins, drawn as far as it has flowed. */
function ribbonAcross(number, from, to, size, height, progress) {
  const begin = Math.min(size, height - 7);
  const upper = [];
  const lower = [];
  for (let part = 0; part <= 14; part++) {
    const t = (part / 14) * progress;
    const rise = t * t * (3 - 2 * t);
    const x = from.x + (to.x - from.x) * t;
    const y = from.y + (to.y - from.y) * rise;
    const half = Math.max(0.3, (begin + (size - begin) * rise) / 2);
    upper.push(`${short(x)} ${short(y - half)}`);
    lower.unshift(`${short(x)} ${short(y + half)}`);
  }
  return outline(`ribbon.${number}`, `M${upper.join("L")}L${lower.join("L")}Z`, { class: "ribbon", opacity: progress > 0 ? 1 : 0 });
}

function contextNode(view) {
  const { place, now, time, trace, step } = view;
  const { x, y, width, height } = place.context;
  const seen = span(time, 4.35, 4.75);
  const symbol = symbolsOf(trace, step).context;
  const head = place.wide ? `context ${symbol}` : symbol;
  const middle = x + width / 2;
  const named = { "text-anchor": "middle", "font-size": place.wide ? 14 : 13 };
  const shapes = [
    rect("context.empty", x, y, width, height, { class: "context-empty", rx: 5, opacity: 1 - seen }),
    label("context.awaited", middle, y + (place.wide ? 24 : 18), head, { class: "node-name faint", ...named, opacity: 0.8 * (1 - seen) }),
    rect("context", x, y, width, height, { class: "context", rx: 5, opacity: seen }),
    label("context.name", middle, y + (place.wide ? 24 : 18), head, { class: "node-name on-context", ...named, opacity: seen }),
    rect("context.bed", x + 6, y + height - (place.wide ? 41 : 29), width - 12, 24, { class: "bed", rx: 3, opacity: seen }),
    ...strip("context.cell", now.context, x + 9, y + height - (place.wide ? 29 : 17), width - 18, 18, view, 1, seen),
  ];
  return { shapes, hits: [{ part: "context", x, y, width, height }] };
}

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
