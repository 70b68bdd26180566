// Requests to the server of a served page: a translation as it is written, and traces.

async function post(path, body) {
  const response = await fetch(live.base + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: live.busy.signal,
  });
  if (!response.ok) throw new Error(await errorMessage(response));
  return response;
}

async function errorMessage(response) {
  const again = response.headers.get("Retry-After");
  try {
    const { error } = await response.json();
    return again ? `${error.message} (try again in ${again} s)` : error.message;
  } catch {
    return `The server answered ${response.status} ${response.statusText}`;
  }
}

/** Runs one exchange with the server; a newer one ends an older one. */
async function runRequest(work) {
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
  return runRequest(async () => {
    live.parts.stream.textContent = "";
    await readEvents(await post("/v1/translate", { text, stream: true }), (event) => {
      if (event.error) throw new Error(event.error.message);
      if (event.token !== undefined && event.token !== END) live.parts.stream.textContent = event.text ?? `${live.parts.stream.textContent} ${shownToken(event.token)}`;
    });
    const trace = await (await post("/v1/trace", { text })).json();
    showTrace(unpackTrace(trace));
  });
}

/** The events of a stream, one after another. */
async function readEvents(response, onEvent) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let unread = "";
  for (;;) {
    const { value, done } = await reader.read();
    unread += decoder.decode(value || new Uint8Array(), { stream: !done });
    const lines = unread.split(/\r?\n/);
    unread = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) onEvent(JSON.parse(line.slice(5)));
    if (done) return;
  }
}
