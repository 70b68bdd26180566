// Descriptions of the parts of the drawing: name, explanation, formulas, vector.

const BRIDGES = {
  dense: "tanh(W h + b), where h is the encoder's last state and W, b are learnt",
  copy: "the encoder's last state, copied",
  mean: "tanh(W m + b), where m is the mean of all encoder states and W, b are learnt",
  zero: "zeros: all it will know of the sentence comes from attention",
};

const indexOf = (part) => Number(part.split(":")[1]);
const tokenOf = (trace, part) => shownToken(trace.source.tokens[indexOf(part)]);

/** Quote a text and isolate its writing direction. */
const quoted = (text) => `“\u2068${text}\u2069”`;

/** The name of a part with its number, for screen readers and as the title of the card. */
function partName(trace, step, part) {
  const current = trace.steps[step];
  const number = indexOf(part);
  const symbols = symbolsOf(trace, step);
  switch (part.split(":")[0]) {
    case "state": return `Encoder state of ${quoted(tokenOf(trace, part))}`;
    case "score": return `Score of ${quoted(tokenOf(trace, part))}: ${shortNumber(current.scores[number])}`;
    case "weight": return `Weight of ${quoted(tokenOf(trace, part))}: ${shareNumber(current.weights[number])}`;
    case "aligned": return `Weighted state of ${quoted(tokenOf(trace, part))}`;
    case "candidate": return candidateName(shownCandidates(current)[number]);
    case "layer": return `Layer ${number + 1} of the decoder`;
    case "context": return `Context ${symbols.context}`;
    case "context-before": return "Context of the previous step";
    case "query": return `Query ${symbols.query}`;
    case "before": return `Decoder state before this word, ${symbols.before}`;
    case "after": return `Decoder state after this word, ${symbols.after}`;
    case "cell": return `Recurrent cell, ${cellName(trace)}`;
    case "readout": return "Output layer";
    case "combined": return `Attentional state ${symbols.combined}`;
    case "fed": return `Attentional state of the previous step, ${symbols.fed}`;
    case "previous": return `Previous word, ${symbols.word}`;
    case "bridge": return "Input of the bridge";
    default: return "The sentence vector";
  }
}

function candidateName(candidate) {
  return `Next word ${quoted(shownToken(candidate.token))}: ${percent(candidate.probability)}`;
}

/** Describe a part: title, text, formulas with the numbers filled in, and its vector if there is one. */
function describePart(trace, step, part) {
  const describe = DESCRIBERS[part.split(":")[0]];
  const details = describe(trace, step, part);
  return { title: partName(trace, step, part), text: "", formulas: [], vector: null, ...details };
}

const DESCRIBERS = {
  state: (trace, step, part) => ({
    text: `How the encoder represents ${quoted(tokenOf(trace, part))} within this sentence. Every decoder step attends to the same states.`,
    formulas: [`h${subscript("", indexOf(part) + 1)} = ${trace.states ? vectorText(trace.states[indexOf(part)]) : "…"}`],
    vector: trace.states && trace.states[indexOf(part)],
  }),
  score: describeScore,
  weight: describeWeight,
  aligned: describeAlignment,
  context: describeContext,
  candidate: (trace, step, part) => {
    const candidate = shownCandidates(trace.steps[step])[indexOf(part)];
    const isOutput = candidate.token === trace.steps[step].token;
    return {
      text: isOutput ? "This token was output." : "Another token that the model considered.",
      formulas: [`p = ${exactNumber(candidate.probability)}`, `log p = ${exactNumber(Math.log(candidate.probability))}`],
    };
  },
  query: (trace, step) => ({
    text: `The decoder state that every encoder state is scored against: ${withSubscripts(trace.model.query)}.`,
    formulas: [`q = ${symbolsOf(trace, step).query}`],
    vector: trace.steps[step].query,
  }),
  before: (trace, step) => ({
    text: step === 0 ? firstStateText(trace) : "What the decoder remembers of everything it has written so far.",
    vector: queriesNewState(trace) ? stepQuery(trace, step - 1) : stepQuery(trace, step),
  }),
  after: (trace, step) => ({
    text: "The new state, from which the next step starts.",
    vector: queriesNewState(trace) ? stepQuery(trace, step) : stepQuery(trace, step + 1),
  }),
  cell: () => ({ text: "It computes the new state from the old state and its inputs, with learnt parameters." }),
  readout: () => ({ text: "It combines state, context and previous word, and computes from them the probability of every word in the vocabulary." }),
  combined: (trace, step) => ({
    text: "Context and decoder state combined. The next word is predicted from it" + (trace.model.input_feeding === false ? "." : "; with input feeding it also enters the next step."),
    formulas: [`${symbolsOf(trace, step).combined} = tanh(W [${symbolsOf(trace, step).context}; ${symbolsOf(trace, step).after}])`],
  }),
  fed: () => ({ text: "Input feeding: the attentional state of the previous step enters this one, so that the decoder knows what it has attended to." }),
  layer: (trace, step, part) => ({
    text: indexOf(part) === 0
      ? "The bottom layer reads the previous word; its state is the query."
      : "It receives the context and the output of the layer below" + (indexOf(part) >= 2 ? ", which is also added to its own output (a residual connection)." : "."),
  }),
  previous: (trace, step) => ({
    text: step > 0
      ? `The decoder reads the word that it has just written: ${quoted(shownToken(trace.steps[step - 1].token))}.`
      : trace.steps[0].token ? "Nothing has been written yet: the decoder reads the start symbol." : "The word written before this one.",
  }),
  "context-before": (trace, step) => ({
    text: "With the current query the bottom layer steps before attention, so all it knows is the context of the previous step.",
    vector: step > 0 ? trace.steps[step - 1].context : null,
  }),
  bridge: (trace) => ({ text: firstStateText(trace) }),
  sentence: (trace) => ({
    text: "The encoder's last state. This one vector is all that the decoder knows of the sentence, however long the sentence is.",
    formulas: [`${trace.source.tokens.length} states → 1 vector`],
  }),
};

/** Whether the decoder steps first and attends with its new state. */
const queriesNewState = (trace) => trace.model.decoder === "luong" || trace.model.query_step === "current";
const stepQuery = (trace, step) => (trace.steps[step] ? trace.steps[step].query : null);

function firstStateText(trace) {
  const { bridge } = trace.model;
  return bridge ? `The first decoder state, computed by the bridge: ${BRIDGES[bridge] || bridge}.` : "The first decoder state.";
}

function describeScore(trace, step, part) {
  const row = indexOf(part);
  const current = trace.steps[step];
  const formulas = [`score = ${trace.model.formula || trace.model.score}`];
  const terms = scoreTerms(trace, current, row);
  formulas.push(`${terms ? `${terms} ` : ""}= ${exactNumber(current.scores[row])}`);
  return {
    text: `How well the state of ${quoted(tokenOf(trace, part))} (k) matches the query (q). All other letters are learnt parameters.`,
    formulas, vector: trace.states && trace.states[row],
  };
}

/** The products of a dot score written out; other scores have parameters that are not in the trace. */
function scoreTerms(trace, current, row) {
  const state = trace.states && trace.states[row];
  if (!state || !current.query || !["dot", "scaled_dot"].includes(trace.model.score) || current.query.length !== state.length) return "";
  const terms = state.slice(0, 4).map((value, index) => `${shortNumber(current.query[index])}×${shortNumber(value)}`);
  const sum = terms.join(" + ") + (state.length > 4 ? ` + … ${state.length} products` : "");
  return trace.model.score === "dot" ? `= ${sum}` : `= (${sum}) / √${state.length}`;
}

function describeWeight(trace, step, part) {
  const current = trace.steps[step];
  const row = indexOf(part);
  const weight = current.weights[row];
  const formulas = ["weight = e^score / Σ e^score"];
  const scores = current.scores.filter((value) => value !== null);
  const byHand = /attend|weights/.test(current.intervention);
  if (current.scores[row] !== null && !byHand) {
    const largest = Math.max(...scores);
    const power = Math.exp(current.scores[row] - largest);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    if (Math.abs(power / total - weight) < 1e-3) {
      const largestText = shortNumber(largest);
      formulas.push(`= e^(${shortNumber(current.scores[row])} − ${largestText}) / Σ e^(score − ${largestText})`, `= ${exactNumber(power)} / ${exactNumber(total)} = ${exactNumber(weight)}`);
    }
    else formulas.push(`= ${exactNumber(weight)}`);
  } else formulas.push(`= ${exactNumber(weight)}${byHand ? ", set by hand" : ""}`);
  return { text: `The share of attention that ${quoted(tokenOf(trace, part))} gets at this step. The weights of all states sum to 1. Subtracting the largest score first changes no weight.`, formulas };
}

function describeAlignment(trace, step, part) {
  const row = indexOf(part);
  const weight = trace.steps[step].weights[row];
  const state = trace.states && trace.states[row];
  const aligned = state && state.map((value) => value * weight);
  return {
    text: "The alignment vector: the state multiplied by its weight.",
    formulas: aligned ? [`${exactNumber(weight)} × ${vectorText(state)}`, `= ${vectorText(aligned)}`] : [],
    vector: aligned,
  };
}

function describeContext(trace, step) {
  const current = trace.steps[step];
  const formulas = ["c = Σ weight × state"];
  if (trace.states) {
    const order = current.weights.map((_, row) => row).sort((a, b) => current.weights[b] - current.weights[a]);
    const shown = order.slice(0, 3).filter((row) => current.weights[row] > 0);
    const terms = shown.map((row) => `${shareNumber(current.weights[row])} × ${shortNumber(trace.states[row][0])}`);
    const rest = current.weights.filter((weight) => weight > 0).length > shown.length ? " + …" : "";
    formulas.push(`its first component: ${terms.join(" + ")}${rest} = ${exactNumber(current.context[0])}`);
  }
  return { text: `The sum of the weighted states. ${contextText(trace.model.context)}.`, formulas, vector: current.context };
}

const contextText = (text) => (text ? `It ${withSubscripts(text)}` : "It enters the decoder");
