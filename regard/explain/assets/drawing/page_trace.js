// Decoding the trace that is embedded in the page, the counterpart of `page_trace` in Python.

/** Decode the vectors of a trace; a context that was left out is the weighted sum of the states. */
function decodeTrace(encoded) {
  const states = encoded.states && encoded.states.map(decodeVector);
  const steps = encoded.steps.map((step) => {
    const weights = decodeVector(step.weights);
    const omitted = step.context === undefined && weights && states;
    const context = omitted ? weightedSum(weights, states) : decodeVector(step.context);
    return { ...step, query: decodeVector(step.query), scores: step.scores, weights, context };
  });
  return { ...encoded, states, steps };
}

/** Σ weight × state, component by component. */
function weightedSum(weights, states) {
  return states[0].map((_, index) => weights.reduce((sum, weight, row) => sum + weight * states[row][index], 0));
}

/** Decode base64 of little-endian float32; lists and null are returned unchanged. */
function decodeVector(encoded) {
  if (typeof encoded !== "string") return encoded === undefined ? null : encoded;
  const bytes = decodeBase64(encoded);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
}

function decodeBase64(text) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const clean = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4));
  let numBits = 0;
  let buffer = 0;
  let length = 0;
  for (const character of clean) {
    buffer = (buffer << 6) | alphabet.indexOf(character);
    numBits += 6;
    if (numBits >= 8) {
      numBits -= 8;
      bytes[length++] = (buffer >> numBits) & 255;
    }
  }
  return bytes;
}
