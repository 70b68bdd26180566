// The time line: a word takes as many units of time as its model has phases. Time 2.4 is 40 % into the third one.

const PHASES = {
  attention: ["Prepare", "Score", "Softmax", "Multiply", "Sum", "Feed"],
  plain: ["Squeeze", "Write"],
};

/** The names of the phases of each word. */
function phasesOf(trace) {
  return attends(trace) ? PHASES.attention : PHASES.plain;
}

function attends(trace) {
  return trace.steps.some((step) => step.weights);
}

/** Where a position on the whole time line lies: which word, and how far into its phases. */
function momentOf(trace, position) {
  const length = phasesOf(trace).length;
  const step = Math.min(trace.steps.length - 1, Math.max(0, Math.ceil(position / length) - 1));
  return { step, time: position - step * length };
}

/** The phase that a time belongs to; the end of a phase still does. */
function phaseAt(time) {
  return Math.max(0, Math.ceil(time) - 1);
}

/** Smoothly from 0 to 1 while `time` goes from one to the other. */
function span(time, from, to) {
  const part = Math.min(1, Math.max(0, (time - from) / (to - from)));
  return part * part * (3 - 2 * part);
}
