// A vector as a strip of coloured cells.

/** Vectors of so few numbers that these are written into their cells. */
function isSmall(trace) {
  return Boolean(trace.states) && trace.states[0].length <= 4;
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
