// The caption of the drawing: what happens at a moment, with the numbers that matter.

/** Say what happens at a moment of a step. */
function captionOf(trace, step, time) {
  const phase = phasesOf(trace)[phaseAt(time)];
  return CAPTIONS[phase](trace, step, trace.steps[step]);
}

const CAPTIONS = {
  Prepare: (trace, step) => `${startText(trace, step)} ${queryText(trace, step)}`,
  Score: (trace, step, current) => {
    const best = indexOfLargest(current.scores.map((value) => value ?? -Infinity));
    return `The query is compared with every encoder state, and each gets a score: ${trace.model.formula || trace.model.score}. The highest is ${shortNumber(current.scores[best])}, for ${quoted(shownToken(trace.source.tokens[best]))}.`;
  },
  Softmax: (trace, step, current) => {
    const best = indexOfLargest(current.weights);
    return `Softmax turns the scores into weights that sum to 1. ${quoted(shownToken(trace.source.tokens[best]))} gets the largest, ${shareNumber(current.weights[best])}.`;
  },
  Multiply: () => "Every encoder state is multiplied by its weight. States with little weight fade.",
  Sum: (trace, step) => `The weighted states are added up: their sum is the context ${symbolsOf(trace, step).context}.`,
  Feed: (trace, step, current) => `${FEEDS[trace.model.decoder] || FEEDS.bahdanau} ${outputText(current)}`,
  Squeeze: (trace, step) => step === 0
    ? `Without attention, all ${trace.source.tokens.length} encoder states must fit into one vector of fixed size, and the decoder starts from it.`
    : "The encoder states are out of reach: all that is left of the sentence is in the decoder state.",
  Write: (trace, step, current) => `The decoder takes a step with the previous word. ${outputText(current)}`,
};

const FEEDS = {
  bahdanau: "The context enters the decoder cell together with the previous word, and the output layer.",
  luong: "Context and decoder state are combined in h̃, which predicts the word.",
  gnmt: "The context enters the layers of the decoder, and the top layer predicts the word.",
};

function startText(trace, step) {
  if (step > 0) return `The decoder has just written ${quoted(shownToken(trace.steps[step - 1].token))}.`;
  return trace.model.bridge ? `The encoder has computed a state for every word. The decoder starts from ${BRIDGES[trace.model.bridge] || "its first state"}.` : "The encoder has computed a state for every word.";
}

function queryText(trace, step) {
  const symbols = symbolsOf(trace, step);
  return queriesNewState(trace) ? `It takes a step, and its new state ${symbols.query} is the query.` : `Its state ${symbols.query} is the query: which source words matter now?`;
}

function outputText(current) {
  if (!current.candidates || !current.candidates.length) return "Then the next word is predicted.";
  const share = percent(Math.exp(current.log_probability));
  const forced = /force/.test(current.intervention) ? ", forced by hand" : "";
  return `Written: ${quoted(shownToken(current.token))} (${share}${forced}).`;
}
