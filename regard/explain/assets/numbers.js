// Text, numbers and packed vectors. Pure functions: no page is needed, Python runs them too.

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const END = "</s>";

/** Text that stays text inside markup. */
function escapeText(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (sign) => signs[sign]);
}

/** The text with every control and override character replaced by a sign that can be seen. */
function visible(text) {
  return Array.from(String(text), (character) => {
    const code = character.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if ("\u200c\u200d\u200e\u200f".includes(character)) return character;
    return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character) ? "\ufffd" : character;
  }).join("");
}

/** A token as it is shown: end-of-sentence in words, a space as an open box. */
function shownToken(token) {
  if (token === END) return "end of sentence";
  return token === "" ? "∅" : visible(token).replace(/ /g, "␣");
}

/** Whether the first letter that has a direction is written from right to left. */
function isRightToLeft(text) {
  const first = /[\p{L}]/u.exec(text);
  return Boolean(first) && /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|\ud802|\ud803|\ud83a/.test(first[0]);
}

/** About how wide a text is, in units of its font size. */
function textWidth(text) {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    if (/\p{M}/u.test(character)) continue;
    if (code >= 0x1100 && /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]/.test(character)) width += 1;
    else if (code > 0xffff) width += 1.1;
    else if (/[iljtfrI.,:;'!|()[\] ]/.test(character)) width += 0.36;
    else if (/[mwMW@%—]/.test(character)) width += 0.88;
    else if (/\p{Lu}/u.test(character)) width += 0.68;
    else width += 0.57;
  }
  return 1.05 * width;
}

/** The text, cut with an ellipsis where it would be wider than `room` (in the unit of `size`). */
function fitText(text, room, size) {
  if (textWidth(text) * size <= room) return text;
  const characters = Array.from(text);
  while (characters.length && (textWidth(characters.join("")) + 0.9) * size > room) characters.pop();
  return characters.join("").trimEnd() + "…";
}

/** Three digits, without needless zeros: 15, 0.589, -2.94. */
function shortNumber(value) {
  if (value === null || value === undefined) return "−∞";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return withMinus(trimZeros(value.toFixed(digits)));
}

/** Six digits, or as many as show that a value is not quite whole: 0.99999999998611. */
function exactNumber(value) {
  if (value === null || value === undefined) return "−∞";
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return withMinus(value.toExponential(2));
  const six = trimZeros(value.toPrecision(6));
  return withMinus(Number.isInteger(Number(six)) ? trimZeros(value.toPrecision(14)) : six);
}

/** A share of one, small ones to so many decimals. What is nearly nothing or nearly all says so. */
function shareNumber(value, decimals = 3) {
  if (value === 0 || value === 1) return String(value);
  if (value < 0.5 * 10 ** -decimals) return "≈0";
  if (value > 1 - 0.5 * 10 ** -decimals && value < 1) return "≈1";
  return value.toFixed(value < 0.0995 || value > 0.995 ? decimals : 2);
}

/** To so many decimals, with a true minus. */
function fixedNumber(value, decimals) {
  return value === null || !Number.isFinite(value) ? shortNumber(value) : withMinus(value.toFixed(decimals));
}

/** A probability in percent: 93 %, 0.4 %, <0.1 %. */
function percent(value) {
  const size = 100 * value;
  if (size > 0 && size < 0.1) return "<0.1 %";
  if (size > 99.9 && size < 100) return ">99.9 %";
  return `${trimZeros(size.toFixed(size < 9.95 || size > 99 ? 1 : 0))} %`;
}

function trimZeros(text) {
  if (text.includes("e") || !text.includes(".")) return text === "-0" ? "0" : text;
  const trimmed = text.replace(/0+$/, "").replace(/\.$/, "");
  return trimmed === "-0" ? "0" : trimmed;
}

function withMinus(text) {
  return text.replace(/^-/, "−").replace("e-", "e−");
}

/** [5, 0, 1]; a long vector shows its beginning. */
function vectorText(values, format = shortNumber, most = 6) {
  const shown = values.slice(0, most).map(format).join(", ");
  return values.length > most ? `[${shown}, … ${values.length} numbers]` : `[${shown}]`;
}

/** Words of the model with their indices set low: s_{i-1} becomes sᵢ₋₁. */
function lowered(text) {
  return text.replace(/_\{i-1\}/g, "ᵢ₋₁").replace(/_i\b/g, "ᵢ").replace(/_t\b/g, "ₜ").replace(/_\{t-1\}/g, "ₜ₋₁");
}

/** s₁₂. */
function subscript(symbol, number) {
  return symbol + Array.from(String(number), (digit) => SUBSCRIPTS[Number(digit)]).join("");
}

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

/** −Σ w log₂ w, in bits. */
function entropy(weights) {
  return weights.reduce((sum, weight) => (weight > 0 ? sum - weight * Math.log2(weight) : sum), 0);
}

function largestPlace(values) {
  return values.reduce((best, value, place) => (value > values[best] ? place : best), 0);
}
