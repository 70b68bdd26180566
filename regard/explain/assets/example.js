// The worked example: the same states under every score function, with large and small numbers, in each decoder.

const ARCHITECTURES = [["bahdanau", "Bahdanau 2015"], ["luong", "Luong 2015"], ["gnmt", "GNMT, Wu 2016"]];

function addExample(example) {
  const variants = example.variants.map((variant) => ({ ...variant, trace: unpackTrace(variant.trace) }));
  const chosen = { ...variants[example.start], decoder: "bahdanau" };
  const names = [...new Set(variants.map((variant) => variant.score))];
  const sizes = [...new Set(variants.map((variant) => variant.size))];
  const told = make("p", { class: "small" });
  const show = (change, keep = true) => {
    Object.assign(chosen, change);
    const variant = variants.find((one) => one.score === chosen.score && one.size === chosen.size);
    const { model } = variant.trace;
    const gnmt = chosen.decoder === "gnmt";
    told.textContent = `${model.formula} (${model.score_source})${variant.parameters ? `. What a model would learn is chosen by hand: ${variant.parameters}.` : "."}`;
    showTrace({ ...variant.trace, model: { ...model, decoder: chosen.decoder, num_layers: gnmt ? 2 : 1, query_step: gnmt ? "previous" : null } }, { keep });
  };
  byId("example").hidden = false;
  byId("example").append(
    make("p", { class: "lead" }, "A sentence of four words has been read; the encoder left four states of three numbers each. A decoder state asks which of them matter now. Every number can be worked out on paper."),
    make("div", { class: "controls" },
      labelled("score function", pick(names.map((name) => [name, name]), chosen.score, (score) => show({ score }), "Score function")),
      labelled("numbers", pick(sizes.map((size) => [size, size]), chosen.size, (size) => show({ size }), "Size of the numbers")),
      labelled("decoder", pick(ARCHITECTURES, chosen.decoder, (decoder) => show({ decoder }), "Decoder"))),
    told);
  show({}, false);
}
