// Where things stand: the rows of the source tokens, the columns of the steps, the decoder and the context.

const ROW = { full: 27, large: 22, thin: 5, readable: 17, numbers: 36 };

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

function tallHeight(trace) {
  const most = Math.max(1, ...trace.steps.map((step) => shownCandidates(step).length));
  return diagramHeight(trace) + 30 + CANDIDATES.row * most;
}

function diagramHeight(trace) {
  const { decoder, num_layers: layers, gnmt_query: query } = trace.model;
  const shown = Math.min(Math.max(2, layers || 2), MOST_LAYERS);
  if (decoder === "gnmt") return query === "current" ? Math.max(130, 40 + 50 * shown) : 84 + 50 * shown;
  return { bahdanau: 196, luong: 158, plain: 120 }[decoder] ?? 196;
}
