// What is said about a drawing: the sentence under it, and what a part is when one points at it.

const BRIDGES = {
  dense: "tanh(W h + b), where h is the encoder's last state and W, b are learnt",
  copy: "the encoder's last state, copied",
  mean: "tanh(W m + b), where m is the mean of all encoder states and W, b are learnt",
  zero: "zeros: nothing of the sentence but what attention brings",
};

const rowOf = (part) => Number(part.split(":")[1]);
const tokenOf = (trace, part) => shownToken(trace.source.tokens[rowOf(part)]);
/** In quotation marks, keeping its own direction among words of another. */
const quoted = (text) => `“\u2068${text}\u2069”`;

/** A short name, for a screen reader and for the head of the inspector. */
function partName(trace, step, part) {
  const now = trace.steps[step];
  const number = rowOf(part);
  const sign = symbolsOf(trace, step);
  switch (part.split(":")[0]) {
    case "state": return `Encoder state of ${quoted(tokenOf(trace, part))}`;
    case "score": return `Score of ${quoted(tokenOf(trace, part))}: ${shortNumber(now.scores[number])}`;
    case "weight": return `Weight of ${quoted(tokenOf(trace, part))}: ${shareNumber(now.weights[number])}`;
    case "aligned": return `Weighted state of ${quoted(tokenOf(trace, part))}`;
    case "candidate": return candidateName(shownCandidates(now)[number]);
    case "layer": return `Layer ${number + 1} of the decoder`;
    case "context": return `Context ${sign.context}`;
    case "context-before": return `Context of the step before`;
    case "query": return `Query ${sign.query}`;
    case "before": return `Decoder state before this word, ${sign.before}`;
    case "after": return `Decoder state after this word, ${sign.after}`;
    case "cell": return `Recurrent cell, ${cellName(trace)}`;
    case "readout": return "Output layer";
    case "combined": return `Attentional state ${sign.combined}`;
    case "fed": return `Attentional state of the step before, ${sign.fed}`;
    case "previous": return `Word before, ${sign.word}`;
    case "bridge": return "Where the first decoder state comes from";
    default: return "The sentence vector";
  }
}

function candidateName(candidate) {
  return `Next word ${quoted(shownToken(candidate.token))}: ${percent(candidate.probability)}`;
}

/** Everything about a part: title, sentence, formulas with the numbers put in, the vector if it is known. */
function describePart(trace, step, part) {
  const tell = TELLERS[part.split(":")[0]];
  const told = tell(trace, step, part);
  return { title: partName(trace, step, part), text: "", formulas: [], vector: null, ...told };
}

const TELLERS = {
  state: (trace, step, part) => ({
    text: `What the encoder made of ${quoted(tokenOf(trace, part))} where it stands in this sentence. All decoder steps look at the same states.`,
    formulas: [`h${subscript("", rowOf(part) + 1)} = ${trace.states ? vectorText(trace.states[rowOf(part)]) : "…"}`],
    vector: trace.states && trace.states[rowOf(part)],
  }),
  score: tellScore,
  weight: tellWeight,
  aligned: tellAligned,
  context: tellContext,
  candidate: (trace, step, part) => {
    const candidate = shownCandidates(trace.steps[step])[rowOf(part)];
    const written = candidate.token === trace.steps[step].token;
    return {
      text: written ? "This one was written." : "The model also thought of this one.",
      formulas: [`p = ${exactNumber(candidate.probability)}`, `log p = ${exactNumber(Math.log(candidate.probability))}`],
    };
  },
  query: (trace, step) => ({
    text: `The decoder state that asks: ${lowered(trace.model.query)}.`,
    formulas: [`q = ${symbolsOf(trace, step).query}`],
    vector: trace.steps[step].query,
  }),
  before: (trace, step) => ({
    text: step === 0 ? `The first decoder state, made by the bridge: ${BRIDGES[trace.model.bridge] || "given"}.` : "What the decoder has kept of everything it has written so far.",
    vector: asksNow(trace) ? stepQuery(trace, step - 1) : stepQuery(trace, step),
  }),
  after: (trace, step) => ({
    text: "The new state. It will be the state before the next word.",
    vector: asksNow(trace) ? stepQuery(trace, step) : stepQuery(trace, step + 1),
  }),
  cell: (trace) => ({ text: "It makes the new state of the old state and of what enters, with learnt weights." }),
  readout: () => ({ text: "State, context and the word before are put together, and the vocabulary's scores are computed from them." }),
  combined: (trace, step) => ({
    text: "Context and decoder state together. It goes to the vocabulary" + (trace.model.input_feeding === false ? "." : "; with input feeding it also enters the next step."),
    formulas: [`${symbolsOf(trace, step).combined} = tanh(W [${symbolsOf(trace, step).context}; ${symbolsOf(trace, step).after}])`],
  }),
  fed: () => ({ text: "Input feeding: the attentional state of the last word enters this step, so that the decoder knows what it looked at." }),
  layer: (trace, step, part) => ({
    text: rowOf(part) === 0 ? "The bottom layer reads the word before; its state is the query." : rowOf(part) >= 2 ? "It gets the context and the layer below, and adds what came from below to its output (a residual connection)." : "It gets the context and the state of the layer below.",
  }),
  previous: (trace, step) => ({
    text: step > 0 ? `The decoder reads the word it has just written: ${quoted(shownToken(trace.steps[step - 1].token))}.` : trace.steps[0].token ? "Nothing has been written yet: the decoder reads the start symbol." : "The word written before this one.",
  }),
  "context-before": (trace, step) => ({
    text: "With the current query the bottom layer moves before attention, so all it knows is the context of the word before.",
    vector: step > 0 ? trace.steps[step - 1].context : null,
  }),
  bridge: (trace) => ({ text: `The first decoder state is ${BRIDGES[trace.model.bridge] || "given"}.` }),
  sentence: (trace) => ({
    text: "The encoder's last state. The decoder knows nothing of the sentence but this one vector, however long the sentence is.",
    formulas: [`${trace.source.tokens.length} states → 1 vector`],
  }),
};

const asksNow = (trace) => trace.model.decoder === "luong" || trace.model.query_step === "current";
const stepQuery = (trace, step) => (trace.steps[step] ? trace.steps[step].query : null);

function tellScore(trace, step, part) {
  const row = rowOf(part);
  const now = trace.steps[step];
  const formulas = [`score = ${trace.model.formula || trace.model.score}`];
  const worked = scoreWorked(trace, now, row);
  formulas.push(`${worked ? `${worked} ` : ""}= ${exactNumber(now.scores[row])}`);
  return {
    text: `How well the state of ${quoted(tokenOf(trace, part))} (k) answers the query (q). Letters other than q and k are learnt.`,
    formulas, vector: trace.states && trace.states[row],
  };
}

/** The products of a dot score written out; other scores have parameters that the trace does not hold. */
function scoreWorked(trace, now, row) {
  const state = trace.states && trace.states[row];
  if (!state || !now.query || !["dot", "scaled_dot"].includes(trace.model.score) || now.query.length !== state.length) return "";
  const terms = state.slice(0, 4).map((value, place) => `${shortNumber(now.query[place])}×${shortNumber(value)}`);
  const sum = terms.join(" + ") + (state.length > 4 ? ` + … ${state.length} products` : "");
  return trace.model.score === "dot" ? `= ${sum}` : `= (${sum}) / √${state.length}`;
}

function tellWeight(trace, step, part) {
  const now = trace.steps[step];
  const row = rowOf(part);
  const weight = now.weights[row];
  const formulas = ["weight = e^score / Σ e^score"];
  const scores = now.scores.filter((value) => value !== null);
  const byHand = /attend|weights/.test(now.intervention);
  if (now.scores[row] !== null && !byHand) {
    const largest = Math.max(...scores);
    const power = Math.exp(now.scores[row] - largest);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
    if (Math.abs(power / total - weight) < 1e-3) {
      const most = shortNumber(largest);
      formulas.push(`= e^(${shortNumber(now.scores[row])} − ${most}) / Σ e^(score − ${most})`, `= ${exactNumber(power)} / ${exactNumber(total)} = ${exactNumber(weight)}`);
    }
    else formulas.push(`= ${exactNumber(weight)}`);
  } else formulas.push(`= ${exactNumber(weight)}${byHand ? ", set by hand" : ""}`);
  return { text: `The share of this look that falls on ${quoted(tokenOf(trace, part))}. The shares of all states sum to 1. Taking the largest score off first changes no weight.`, formulas };
}

function tellAligned(trace, step, part) {
  const row = rowOf(part);
  const weight = trace.steps[step].weights[row];
  const state = trace.states && trace.states[row];
  const aligned = state && state.map((value) => value * weight);
  return {
    text: "The alignment vector: the state, as strong as its weight.",
    formulas: aligned ? [`${exactNumber(weight)} × ${vectorText(state)}`, `= ${vectorText(aligned)}`] : [],
    vector: aligned,
  };
}

function tellContext(trace, step) {
  const now = trace.steps[step];
  const formulas = ["c = Σ weight × state"];
  if (trace.states) {
    const order = now.weights.map((_, row) => row).sort((a, b) => now.weights[b] - now.weights[a]);
    const shown = order.slice(0, 3).filter((row) => now.weights[row] > 0);
    const terms = shown.map((row) => `${shareNumber(now.weights[row])} × ${shortNumber(trace.states[row][0])}`);
    const rest = now.weights.filter((weight) => weight > 0).length > shown.length ? " + …" : "";
    formulas.push(`its first number: ${terms.join(" + ")}${rest} = ${exactNumber(now.context[0])}`);
  }
  return { text: `What this look brought back. ${sentenceCase(trace.model.context)}.`, formulas, vector: now.context };
}

const sentenceCase = (text) => (text ? `It ${lowered(text)}` : "It goes on into the decoder");

/** One sentence about the moment: what is happening, with the numbers that matter. */
function captionOf(trace, step, time) {
  const phase = phasesOf(trace)[phaseAt(time)];
  return CAPTIONS[phase](trace, step, trace.steps[step]);
}

const CAPTIONS = {
  Prepare: (trace, step) => `${firstWords(trace, step)} ${asksWords(trace, step)}`,
  Score: (trace, step, now) => {
    const best = largestPlace(now.scores.map((value) => value ?? -Infinity));
    return `The query meets every encoder state, and each gets a score: ${trace.model.formula || trace.model.score}. The highest is ${shortNumber(now.scores[best])}, for ${quoted(shownToken(trace.source.tokens[best]))}.`;
  },
  Softmax: (trace, step, now) => {
    const best = largestPlace(now.weights);
    return `Softmax turns the scores into weights that sum to 1. ${quoted(shownToken(trace.source.tokens[best]))} gets the most, ${shareNumber(now.weights[best])}.`;
  },
  Multiply: () => "Every encoder state is multiplied by its weight. What has little weight fades.",
  Sum: (trace, step) => `The weighted states flow together: their sum is the context ${symbolsOf(trace, step).context}.`,
  Feed: (trace, step, now) => `${FEEDS[trace.model.decoder] || FEEDS.bahdanau} ${writtenWords(now)}`,
  Squeeze: (trace, step) => step === 0
    ? `Without attention, all ${trace.source.tokens.length} encoder states must fit into one vector of fixed size, and the decoder starts from it.`
    : "The encoder's states are out of reach: all that is left of the sentence is in the decoder's state.",
  Write: (trace, step, now) => `The decoder steps on with the word before. ${writtenWords(now)}`,
};

const FEEDS = {
  bahdanau: "The context enters the decoder cell with the word before, and the output layer.",
  luong: "Context and decoder state join in h̃, which chooses the word.",
  gnmt: "The context enters the layers of the decoder, and the top layer chooses the word.",
};

function firstWords(trace, step) {
  if (step > 0) return `The decoder has just written ${quoted(shownToken(trace.steps[step - 1].token))}.`;
  return trace.model.bridge ? `The encoder has made a state of every word. The decoder starts from ${BRIDGES[trace.model.bridge] || "its first state"}.` : "The encoder has made a state of every word.";
}

function asksWords(trace, step) {
  const sign = symbolsOf(trace, step);
  return asksNow(trace) ? `It steps, and its new state ${sign.query} is the query.` : `Its state ${sign.query} is the query: what should I look at now?`;
}

function writtenWords(now) {
  if (!now.candidates || !now.candidates.length) return "Then the next word is chosen.";
  const share = percent(Math.exp(now.log_probability));
  const forced = /force/.test(now.intervention) ? ", forced by hand" : "";
  return `Written: ${quoted(shownToken(now.token))} (${share}${forced}).`;
}
