// A trace from the page's data: vectors are unpacked, and contexts that were left out are computed again.

/** A trace with its vectors unpacked and the contexts that were left out put back: sums of weighted states. */
function unpackTrace(packed) {
  const states = packed.states && packed.states.map(unpackVector);
  const steps = packed.steps.map((step) => {
    const weights = unpackVector(step.weights);
    const known = step.context === undefined && weights && states;
    const context = known ? weightedSum(weights, states) : unpackVector(step.context);
    return { ...step, query: unpackVector(step.query), scores: step.scores, weights, context };
  });
  return { ...packed, states, steps };
}

/** Σ weight × state, component by component. */
function weightedSum(weights, states) {
  return states[0].map((_, place) => weights.reduce((sum, weight, row) => sum + weight * states[row][place], 0));
}

/** Numbers from a base64 text of little-endian float32; lists and nothing pass as they are. */
function unpackVector(packed) {
  if (typeof packed !== "string") return packed === undefined ? null : packed;
  const bytes = decodeBase64(packed);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, place) => view.getFloat32(4 * place, true));
}

function decodeBase64(text) {
  const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const clean = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let place = 0;
  for (const sign of clean) {
    held = (held << 6) | signs.indexOf(sign);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[place++] = (held >> bits) & 255;
    }
  }
  return bytes;
}
