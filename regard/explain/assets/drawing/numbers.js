// Numbers as text: rounded, but never hiding that a value is not quite 0 or 1.

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

/** Three digits without trailing zeros: 15, 0.589, −2.94; null stands for −∞. */
function shortNumber(value) {
  if (value === null || value === undefined) return "−∞";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return withMinus(trimZeros(value.toFixed(digits)));
}

/** Six digits, or as many as show that a value is not an integer: 0.99999999998611. */
function exactNumber(value) {
  if (value === null || value === undefined) return "−∞";
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return withMinus(value.toExponential(2));
  const six = trimZeros(value.toPrecision(6));
  return withMinus(Number.isInteger(Number(six)) ? trimZeros(value.toPrecision(14)) : six);
}

/** A weight or another share of one; values that round to 0 or 1 but differ from them get a ≈. */
function shareNumber(value, decimals = 3) {
  if (value === 0 || value === 1) return String(value);
  if (value < 0.5 * 10 ** -decimals) return "≈0";
  if (value > 1 - 0.5 * 10 ** -decimals && value < 1) return "≈1";
  return value.toFixed(value < 0.0995 || value > 0.995 ? decimals : 2);
}

/** A fixed number of decimals, with a true minus sign. */
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

/** A vector as text, [5, 0, 1]; of a long one only the first components. */
function vectorText(values, format = shortNumber, maxShown = 6) {
  const shown = values.slice(0, maxShown).map(format).join(", ");
  return values.length > maxShown ? `[${shown}, … ${values.length} numbers]` : `[${shown}]`;
}

/** Replace the indices in a model's description by subscripts: s_{i-1} becomes sᵢ₋₁. */
function withSubscripts(text) {
  return text.replace(/_\{i-1\}/g, "ᵢ₋₁").replace(/_i\b/g, "ᵢ").replace(/_t\b/g, "ₜ").replace(/_\{t-1\}/g, "ₜ₋₁");
}

/** A symbol with a numeric subscript, s₁₂. */
function subscript(symbol, number) {
  return symbol + Array.from(String(number), (digit) => SUBSCRIPTS[Number(digit)]).join("");
}

/** The entropy of a distribution in bits, −Σ w log₂ w. */
function entropy(weights) {
  return weights.reduce((sum, weight) => (weight > 0 ? sum - weight * Math.log2(weight) : sum), 0);
}

function indexOfLargest(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}
