// The worked example: the same states under every score function, with large and small numbers, in each architecture.

const ARCHITECTURES = [["bahdanau", "Bahdanau 2015"], ["luong", "Luong 2015"], ["gnmt", "GNMT, Wu 2016"]];

function addExample(example) {
  const variants = example.variants.map((variant) => ({ ...variant, trace: decodeTrace(variant.trace) }));
  const chosen = { ...variants[example.start], decoder: "bahdanau" };
  const names = [...new Set(variants.map((variant) => variant.score))];
  const sizes = [...new Set(variants.map((variant) => variant.size))];
  const formula = make("p", { class: "small" });
  const show = (change, keep = true) => {
    Object.assign(chosen, change);
    const variant = variants.find(({ score, size }) => score === chosen.score && size === chosen.size);
    const { model } = variant.trace;
    const gnmt = chosen.decoder === "gnmt";
    formula.textContent = `${model.formula} (${model.score_source})${variant.parameters ? `. Learnt parameters, here chosen by hand: ${variant.parameters}.` : "."}`;
    showTrace({ ...variant.trace, model: { ...model, decoder: chosen.decoder, num_layers: gnmt ? 2 : 1, query_step: gnmt ? "previous" : null } }, { keep });
  };
  byId("example").hidden = false;
  byId("example").append(
    make("p", { class: "lead" }, "The encoder has read a sentence of four words and computed four states of three numbers each. Which of them matter for the decoder's next word? Every number can be worked out on paper."),
    make("div", { class: "controls" },
      labelled("score function", dropdown(names.map((name) => [name, name]), chosen.score, (score) => show({ score }), "Score function")),
      labelled("numbers", dropdown(sizes.map((size) => [size, size]), chosen.size, (size) => show({ size }), "Size of the numbers")),
      labelled("decoder", dropdown(ARCHITECTURES, chosen.decoder, (decoder) => show({ decoder }), "Decoder"))),
    formula);
  show({}, false);
}
