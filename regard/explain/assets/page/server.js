// Requests to the server of a served page: a translation as it is written, and traces.

async function ask(path, body) {
  const answer = await fetch(live.base + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: live.busy.signal,
  });
  if (!answer.ok) throw new Error(await refusal(answer));
  return answer;
}

async function refusal(answer) {
  const again = answer.headers.get("Retry-After");
  try {
    const { error } = await answer.json();
    return again ? `${error.message} (try again in ${again} s)` : error.message;
  } catch {
    return `The server answered ${answer.status} ${answer.statusText}`;
  }
}

/** Runs one exchange with the server; a newer one ends an older one. */
async function exchange(work) {
  if (live.busy) live.busy.abort();
  const busy = new AbortController();
  live.busy = busy;
  const { state } = live.parts;
  state.classList.remove("wrong");
  state.textContent = "The model is working …";
  try {
    await work();
    if (live.busy === busy) state.textContent = "";
  } catch (error) {
    if (error.name === "AbortError" || live.busy !== busy) return;
    state.classList.add("wrong");
    state.textContent = error instanceof TypeError ? "The server does not answer. Is it still running?" : error.message;
  }
}

/** Translates a text, showing each token as it is written, then everything about it. */
function translate(text) {
  return exchange(async () => {
    live.parts.stream.textContent = "";
    await follow(await ask("/v1/translate", { text, stream: true }), (event) => {
      if (event.error) throw new Error(event.error.message);
      if (event.token !== undefined && event.token !== END) live.parts.stream.textContent = event.text ?? `${live.parts.stream.textContent} ${shownToken(event.token)}`;
    });
    const trace = await (await ask("/v1/trace", { text })).json();
    showTrace(unpackTrace(trace));
  });
}

/** The events of a stream, one after another. */
async function follow(answer, told) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    held += decoder.decode(value || new Uint8Array(), { stream: !done });
    const lines = held.split(/\r?\n/);
    held = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) told(JSON.parse(line.slice(5)));
    if (done) return;
  }
}
