// The drawing as a film: one SVG that plays by itself, or single frames.
//
// The SVG needs no script: every attribute that changes gets an <animate> with its values at the turning points.

const FILM = { head: 74, tallHead: 112, lines: 20, margin: 12 };

/** The moments of a film as [position, seconds from the start], and its duration; after each phase it pauses. */
function filmMoments(trace, { step = null, secondsPerPhase = 1.6, samples = 8 } = {}) {
  const length = phasesOf(trace).length;
  const [from, to] = step === null ? [0, trace.steps.length * length] : [step * length, (step + 1) * length];
  const moments = [];
  for (let phase = from; phase < to; phase++) {
    for (let sample = 0; sample < samples; sample++) {
      const share = (0.9 * sample) / (samples - 1);
      moments.push([Math.max(phase + share, phase + 0.001), (phase - from + 0.75 * share) * secondsPerPhase]);
    }
  }
  return { moments, seconds: (to - from) * secondsPerPhase + 1.5 };
}

/** The shapes of a moment: above the drawing, the output so far and the caption. */
function filmScene(trace, position, options) {
  const { step, time } = momentOf(trace, position);
  const inner = options.width - 2 * FILM.margin;
  const scene = sceneOf(trace, step, time, { ...options, width: inner });
  const head = options.width >= 1000 ? FILM.head : FILM.tallHead;
  return { head: headShapes(trace, step, time, inner), body: scene.shapes, width: options.width, height: scene.height + head + FILM.margin, top: head };
}

function headShapes(trace, step, time, width) {
  const done = time >= phasesOf(trace).length - 0.3;
  const tokens = trace.steps.slice(0, step + (done ? 1 : 0)).map((output) => shownToken(output.token));
  const title = trace.target.text ? tokens.join(" ") || "…" : "Attention by hand";
  const lines = wrapText(`${phaseAt(time)}  ${captionOf(trace, step, time)}`, width, 14);
  return [
    label("so-far", FILM.margin, 28, isolated(fitEnd(title, width, 17)), { class: "so-far" }),
    ...lines.map((line, number) => label(`caption.${number}`, FILM.margin, 50 + FILM.lines * number, line, { class: "said", "font-size": 14 })),
  ];
}

/** Truncate a text at its beginning to at most `maxWidth`. */
function fitEnd(text, maxWidth, size) {
  if (textWidth(text) * size <= maxWidth) return text;
  const words = text.split(" ");
  while (words.length > 1 && textWidth(`… ${words.join(" ")}`) * size > maxWidth) words.shift();
  return `… ${words.join(" ")}`;
}

function wrapText(text, maxWidth, size) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines[lines.length - 1] ? `${lines[lines.length - 1]} ${word}` : word;
    if (textWidth(longer) * size <= maxWidth) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** A single frame as an SVG with its style. */
function filmFrame(trace, position, options) {
  const scene = filmScene(trace, position, options);
  return filmSvg(scene, scene.height, scene.head.map(shapeText).join(""), scene.body.map(shapeText).join(""), options);
}

function filmSvg(scene, height, head, body, options) {
  const paper = shapeText(rect("", 0, 0, scene.width, height, { class: "paper", rx: 8 }));
  const drawing = `<g transform="translate(${FILM.margin} ${scene.top})">${body}</g>`;
  const style = `<style>${options.style}</style>`;
  return svgText(scene.width, height, `${paper}${head}${drawing}`, { label: options.label, head: style });
}

/** The whole film as one SVG that plays in an endless loop. */
function animatedSvg(trace, options) {
  const { moments, seconds } = filmMoments(trace, options);
  const scenes = moments.map(([position]) => filmScene(trace, position, options));
  const times = moments.map(([, second]) => second / seconds);
  const part = (name) => tracksOf(scenes.map((scene) => scene[name])).map((track) => trackText(track, times, seconds)).join("");
  const height = Math.max(...scenes.map((scene) => scene.height));
  return filmSvg(scenes[0], height, part("head"), part("body"), options);
}

/** For each shape that ever appears its state at every moment (null: absent), in the order in which shapes overlap. */
function tracksOf(scenes) {
  const tracks = new Map();
  const order = [];
  scenes.forEach((shapes, moment) => {
    let below = null;
    for (const shape of shapes) {
      const id = `${shape.key}|${shape.class || ""}`;
      if (!tracks.has(id)) {
        tracks.set(id, { states: Array(scenes.length).fill(null) });
        order.splice(order.indexOf(below) + 1, 0, id);
      }
      tracks.get(id).states[moment] = shape;
      below = id;
    }
  });
  return order.map((id) => tracks.get(id));
}

function trackText({ states }, times, seconds) {
  const first = states.find(Boolean);
  const names = Object.keys(first).filter((name) => !NOT_ATTRIBUTES.has(name) && name !== "opacity");
  const still = {};
  const moving = [];
  for (const name of names) {
    const values = filledIn(states, name);
    if (values.every((value) => value === values[0])) still[name] = values[0];
    else moving.push(animateText(name, values, times, seconds));
  }
  const opacities = states.map((state) => (state ? state.opacity ?? 1 : 0)).map((value) => Math.round(value * 100) / 100);
  if (opacities.every((value) => value === 0)) return "";
  if (opacities.every((value) => value === opacities[0])) still.opacity = opacities[0] === 1 ? undefined : opacities[0];
  else moving.push(animateText("opacity", opacities, times, seconds));
  const inside = (first.text === undefined ? "" : escapeText(first.text)) + moving.join("");
  const shape = { ...still, key: "", tag: first.tag, text: undefined };
  const opened = shapeText(shape);
  return inside ? `${opened.slice(0, -2)}>${inside}</${first.tag}>` : opened;
}

/** An attribute's value at every moment; while the shape is absent, its last value, or at the beginning its first. */
function filledIn(states, name) {
  let last = states.find(Boolean)[name];
  return states.map((state) => {
    if (state) last = state[name];
    return typeof last === "number" ? Math.round(last * 100) / 100 : last;
  });
}

function animateText(name, values, times, seconds) {
  const parsed = new Map(values.map((value) => [value, null]));
  for (const value of parsed.keys()) parsed.set(value, { numbers: numbersIn(value), pattern: pattern(value) });
  const blinks = name === "opacity" && parsed.size === 2 && parsed.has(0);
  const first = parsed.get(values[0]);
  const linear = !blinks && [...parsed.values()].every((one) => one.numbers && one.pattern === first.pattern);
  const kept = linear ? turningPoints(values.map((value) => parsed.get(value).numbers), times) : changesOf(values);
  const shown = kept.map((index) => attributeText(values[index]));
  const marks = kept.map((index) => String(Math.round(times[index] * 1e4) / 1e4));
  marks[0] = "0";
  if (linear && marks[marks.length - 1] !== "1") {
    marks.push("1");
    shown.push(shown[shown.length - 1]);
  }
  const mode = linear ? "" : ' calcMode="discrete"';
  return `<animate attributeName="${name}" dur="${short(seconds)}s" repeatCount="indefinite"${mode} keyTimes="${marks.join(";")}" values="${shown.join(";")}"/>`;
}

const pattern = (value) => String(value).replace(/-?\d+(\.\d+)?/g, "#");

function numbersIn(value) {
  if (typeof value === "number") return [value];
  const found = String(value).match(/-?\d+(\.\d+)?/g);
  return found && found.map(Number);
}

function changesOf(values) {
  return values.map((_, index) => index).filter((index) => index === 0 || values[index] !== values[index - 1]);
}

/** The first and the last moment, and those between that linear interpolation would miss visibly. */
function turningPoints(numbers, times) {
  const kept = [0];
  const split = (from, to) => {
    let worst = 0;
    let at = -1;
    for (let index = from + 1; index < to; index++) {
      const share = (times[index] - times[from]) / (times[to] - times[from]);
      const size = deviation(numbers[from], numbers[to], numbers[index], share);
      if (size > worst) [worst, at] = [size, index];
    }
    if (worst <= 1) return;
    split(from, at);
    kept.push(at);
    split(at, to);
  };
  split(0, numbers.length - 1);
  kept.push(numbers.length - 1);
  return kept;
}

/** The error of interpolating, in units of what can be seen: small numbers are opacities, large ones lengths. */
function deviation(from, to, value, share) {
  let worst = 0;
  for (let index = 0; index < value.length; index++) {
    const off = Math.abs(from[index] + (to[index] - from[index]) * share - value[index]);
    const small = Math.max(Math.abs(from[index]), Math.abs(to[index]), Math.abs(value[index])) <= 1;
    worst = Math.max(worst, off / (small ? 0.06 : 0.8));
  }
  return worst;
}
