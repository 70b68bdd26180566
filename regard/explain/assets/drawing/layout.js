// The layout: rows of the source tokens, columns of the steps, and the boxes of decoder and context.

const ROW = { full: 27, large: 22, thin: 5, readable: 17, numbers: 36 };

/** Top (from 0) and height of each source token's row; in a long sentence large weights get the tall rows. */
function rowsAt(trace, step, time, options) {
  const heights = heightsAt(trace, step, options);
  const previous = step > 0 ? heightsAt(trace, step - 1, options) : heights;
  const progress = span(time, 0, 0.5);
  let top = 0;
  return heights.map((end, index) => {
    const height = previous[index] + (end - previous[index]) * progress;
    const row = { height, top, y: top + height / 2, small: height < ROW.readable - 3 };
    top += height;
    return row;
  });
}

function heightsAt(trace, step, options) {
  const numRows = trace.source.tokens.length;
  const available = options.height || 460;
  const weights = trace.steps[step].weights;
  const equal = Math.min(isSmall(trace) ? ROW.numbers : ROW.full, Math.max(available / numRows, options.unfolded ? ROW.readable : 0));
  if (equal >= ROW.readable || !weights) return Array(numRows).fill(Math.max(equal, ROW.readable - 3));
  const numLarge = Math.max(4, Math.floor((available - numRows * ROW.thin) / (ROW.large - ROW.thin)));
  const order = weights.map((_, index) => index).sort((a, b) => weights[b] - weights[a]);
  const large = new Set(order.slice(0, numLarge));
  return weights.map((_, index) => (large.has(index) ? ROW.large : ROW.thin));
}

/** Whether a sentence is too long for all rows to be tall: only those with large weights are then shown in full. */
function isFolded(trace, options) {
  return attends(trace) && (options.height || 460) / trace.source.tokens.length < ROW.readable;
}

/** Positions of columns, decoder and context: side by side on a wide page, else one below the other. */
function layoutOf(trace, rows, options) {
  const wide = options.width >= 1000;
  const width = Math.max(320, options.width);
  const memorySize = trace.states ? trace.states[0].length : 0;
  const layout = (wide ? wideLayout : tallLayout)(width, memorySize, attends(trace));
  layout.rowsHeight = rows.reduce((sum, row) => sum + row.height, 0);
  layout.bottom = layout.top + layout.rowsHeight;
  return wide ? completeWide(layout, trace) : completeTall(layout, trace);
}

function wideLayout(width, memorySize, withAttention) {
  const numCells = memorySize <= 4 ? memorySize : 10;
  const strip = memorySize <= 4 ? 32 * Math.max(memorySize, 1) : 86;
  const spare = Math.max(0, width - 1000);
  const word = { x: 4, width: 110 + spare * 0.12 };
  const state = { x: word.x + word.width + 15, width: strip };
  const score = { x: state.x + strip + 22, width: 74 };
  const weight = { x: score.x + score.width + 14, width: 112 + spare * 0.14 };
  const weighted = { x: weight.x + weight.width + 10, width: strip };
  const context = { x: weighted.x + strip + 52 + spare * 0.1, width: strip + 16 };
  const left = withAttention ? context.x + context.width + 16 : state.x + strip + 250;
  const decoder = { x: left, width: width - left - 4 };
  return { wide: true, numberWidth: 44, width, top: withAttention ? 96 : 44, numCells, word, state, score, weight, weighted, context, decoder };
}

function completeWide(layout, trace) {
  const height = Math.max(layout.rowsHeight, trace.model.decoder === "plain" ? 260 : 310);
  layout.decoder.y = layout.top - 6;
  layout.decoder.height = height;
  layout.context.height = 78;
  const minContextTop = trace.model.decoder === "luong" ? 140 : 86;
  layout.context.y = layout.top + Math.max(layout.rowsHeight * 0.5 - 39, minContextTop);
  layout.query = { x: layout.score.x + layout.score.width / 2, y: 44 };
  layout.height = layout.top + Math.max(height, layout.rowsHeight + 36) + 6;
  return layout;
}

function tallLayout(width, memorySize, withAttention) {
  const numCells = memorySize <= 4 ? memorySize : width < 480 ? 5 : 10;
  const strip = memorySize <= 4 ? 17 * Math.max(memorySize, 1) : width < 480 ? 40 : 90;
  const margin = 10;
  const wordWidth = Math.min(140, (width - margin) * 0.19);
  const word = { x: margin, width: withAttention ? wordWidth : 110 };
  const state = { x: word.x + word.width + 12, width: strip };
  const score = { x: state.x + strip + 8, width: width < 480 ? 36 : 60 };
  const weighted = { x: width - 32 - strip, width: strip };
  const weight = { x: score.x + score.width + 8, width: weighted.x - score.x - score.width - 14 };
  const context = { x: width - strip - 18, width: strip + 16 };
  return { wide: false, numberWidth: 35, width, top: 34, numCells, word, state, score, weight, weighted, context };
}

function completeTall(layout, trace) {
  const withAttention = attends(trace);
  const top = layout.bottom + (withAttention ? 42 : 110);
  layout.context.height = 54;
  layout.context.y = top - 4;
  layout.query = { x: layout.score.x + layout.score.width / 2, y: top };
  layout.decoder = { x: 4, y: top, width: layout.width - 8, height: tallHeight(trace) };
  layout.height = top + layout.decoder.height + 4;
  return layout;
}

/** The height of the decoder with its candidates on a narrow page. */
function tallHeight(trace) {
  const maxCandidates = Math.max(1, ...trace.steps.map((step) => shownCandidates(step).length));
  return diagramHeight(trace) + 30 + CANDIDATES.row * maxCandidates;
}

function diagramHeight(trace) {
  const { decoder, num_layers: layers, query_step: query } = trace.model;
  const numShown = Math.min(Math.max(2, layers || 2), MAX_LAYERS);
  if (decoder === "gnmt") return query === "current" ? Math.max(130, 40 + 50 * numShown) : 84 + 50 * numShown;
  return { bahdanau: 196, luong: 158, plain: 120 }[decoder] ?? 196;
}
