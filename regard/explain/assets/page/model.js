// The description of the model, and the legend of colours and shapes.

function addModel() {
  listen("trace", () => {
    const { model, source, log_probability: logProbability } = app.trace;
    const rows = [
      ["Encoder", model.encoder_description || model.encoder],
      ["Decoder", model.decoder],
      ["Cells", model.cell && `${model.num_layers} × ${model.cell}`],
      ["First state", model.bridge && `${model.bridge}: ${BRIDGES[model.bridge] || ""}`],
      ["Score function", model.formula ? `${model.score}: ${model.formula}${model.score_source ? ` (${model.score_source})` : ""}` : model.score],
      ["Query", model.query && withSubscripts(model.query)],
      ["Context", model.context && withSubscripts(model.context)],
      ["Log-probability", logProbability === null ? null : `${shortNumber(logProbability)} nats for ${app.trace.steps.length} target tokens, given ${source.tokens.length} source tokens`],
    ];
    const list = make("dl", { class: "facts" });
    for (const [name, value] of rows) if (value) list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value)));
    byId("model").replaceChildren(make("h2", {}, "The model"), list, legend());
  });
}

function legend() {
  const words = [
    ["encoder", "rounded, green: encoder states, one for each source token"],
    ["decoder", "hexagonal, orange: decoder states; one of them is the query"],
    ["context", "rectangular, blue: weights and context"],
  ];
  const list = make("ul", { class: "legend" });
  for (const [name, text] of words) list.append(make("li", { class: `of-${name}` }, text));
  list.append(make("li", { class: "of-cells" }, "small cells: the components of a vector, green above zero, orange below; the larger the number, the stronger the colour"));
  return list;
}
