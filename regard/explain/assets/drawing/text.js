// Text made safe to show: hidden characters become visible, long text is truncated.

const END = "</s>";

/** Escape text for use in markup. */
function escapeText(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text).replace(/[&<>"']/g, (character) => entities[character]);
}

/** Replace every control and override character by a visible one. */
function visible(text) {
  return Array.from(String(text), (character) => {
    const code = character.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if ("\u200c\u200d\u200e\u200f".includes(character)) return character;
    return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character) ? "\ufffd" : character;
  }).join("");
}

/** A token for display: end-of-sentence in words, a space as an open box. */
function shownToken(token) {
  if (token === END) return "end of sentence";
  return token === "" ? "∅" : visible(token).replace(/ /g, "␣");
}

/** Whether the first letter of a text belongs to a right-to-left script. */
function isRightToLeft(text) {
  const first = /[\p{L}]/u.exec(text);
  return Boolean(first) && /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|\ud802|\ud803|\ud83a/.test(first[0]);
}

/** Isolate a right-to-left word, so that it does not reorder its neighbours. */
function isolated(text) {
  return isRightToLeft(text) ? `\u2067${text}\u2069` : text;
}

/** The approximate width of a text, in units of its font size. */
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

/** Truncate a text with an ellipsis to at most `maxWidth`, in the unit of the font's `size`. */
function fitText(text, maxWidth, size) {
  if (textWidth(text) * size <= maxWidth) return text;
  const characters = Array.from(text);
  while (characters.length && (textWidth(characters.join("")) + 0.9) * size > maxWidth) characters.pop();
  return characters.join("").trimEnd() + "…";
}
