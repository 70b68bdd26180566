// Changing words: the output token of this step, and the source sentence.

function showForce(step) {
  const current = app.trace.steps[step];
  const buttons = shownCandidates(current).map((candidate) => make("button", {
    type: "button", "aria-pressed": String(candidate.token === current.token), "aria-label": `Write ${quoted(shownToken(candidate.token))}`,
    onclick: () => applyChange({ kind: "force", step, token: candidate.token }),
  }, make("bdi", {}, shownToken(candidate.token)), ` ${percent(candidate.probability)}`));
  const other = make("input", { type: "text", "aria-label": "Another token to write", placeholder: "another token", size: 12, dir: "auto" });
  const write = (event) => {
    event.preventDefault();
    if (other.value.trim()) applyChange({ kind: "force", step, token: other.value.trim() });
  };
  live.parts.force.replaceChildren(...buttons, make("form", { class: "inline", onsubmit: write }, other, make("button", { type: "submit" }, "write")));
}

function showSource() {
  const words = app.trace.source.text.split(/\s+/).filter(Boolean);
  const chips = words.map((word, index) => {
    const input = make("input", { type: "text", value: word, dir: "auto", size: Math.max(2, Array.from(word).length), "aria-label": `Source word ${index + 1}; Enter replaces it`,
      onkeydown: (event) => { if (event.key === "Enter" && input.value.trim()) changeSource(withReplaced(words, index, input.value)); } });
    return make("span", { class: "chip" }, input, make("button", { type: "button", "aria-label": `Delete ${quoted(word)}`, onclick: () => changeSource(words.filter((_, other) => other !== index)) }, "✕"));
  });
  live.parts.source.replaceChildren(...chips);
  live.parts.source.dir = directionOf(words);
}

const withReplaced = (words, index, word) => words.map((old, other) => (other === index ? word : old));
