// A vector as a strip of coloured cells.

/** Whether the vectors are short enough to write their numbers into the cells. */
function isSmall(trace) {
  return Boolean(trace.states) && trace.states[0].length <= 4;
}

/** Draw a vector as cells: green above zero, orange below, the larger the number, the stronger the colour. */
function strip(key, vector, x, y, width, height, view, factor = 1, opacity = 1) {
  if (!vector || !view.layout.numCells) return [];
  const numCells = Math.min(view.layout.numCells, vector.length);
  const size = width / numCells;
  const largest = largestNumber(view.trace);
  const texts = vector.slice(0, numCells).map((value) => shortNumber(value * factor));
  const withNumbers = vector.length <= 4 && height >= 15 && texts.every((text) => textWidth(text) * 11 <= size);
  return vector.slice(0, numCells).flatMap((value, index) => {
    const left = x + index * size;
    const strength = Math.min(1, Math.abs(value * factor) / largest) * 0.92;
    const cell = rect(`${key}.${index}`, left + 0.5, y - height / 2, size - 1, height, {
      class: value < 0 ? "below" : "above", "fill-opacity": strength, opacity, rx: 1.5,
    });
    if (!withNumbers) return [cell];
    const number = label(`${key}.${index}`, left + size / 2, y + 4, texts[index], {
      class: `cell-number${strength > 0.6 ? " on" : ""}`, "text-anchor": "middle", opacity,
    });
    return [cell, number];
  });
}

const LARGEST = new WeakMap();

/** The magnitude that gets the strongest colour: the 98th percentile over all states. */
function largestNumber(trace) {
  if (!LARGEST.has(trace)) {
    const sizes = (trace.states || [[1]]).flat().map(Math.abs).sort((a, b) => a - b);
    LARGEST.set(trace, sizes[Math.floor(0.98 * (sizes.length - 1))] || 1);
  }
  return LARGEST.get(trace);
}
