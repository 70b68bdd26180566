// The timeline: each word takes one unit of time for every phase of its model; time 2.4 is 40 % into the third phase.

const PHASES = {
  attention: ["Prepare", "Score", "Softmax", "Multiply", "Sum", "Feed"],
  plain: ["Squeeze", "Write"],
};

/** The names of the phases that every word goes through. */
function phasesOf(trace) {
  return attends(trace) ? PHASES.attention : PHASES.plain;
}

/** Whether the model has attention weights. */
function attends(trace) {
  return trace.steps.some((step) => step.weights);
}

/** The word at a position of the whole timeline, and the time within its phases. */
function momentOf(trace, position) {
  const length = phasesOf(trace).length;
  const step = Math.min(trace.steps.length - 1, Math.max(0, Math.ceil(position / length) - 1));
  return { step, time: position - step * length };
}

/** The index of the phase at a time; its end still belongs to it. */
function phaseAt(time) {
  return Math.max(0, Math.ceil(time) - 1);
}

/** Ease from 0 to 1 while `time` goes from `from` to `to`. */
function span(time, from, to) {
  const part = Math.min(1, Math.max(0, (time - from) / (to - from)));
  return part * part * (3 - 2 * part);
}
