// Requests of the served page to its server: translations as a stream, and traces.

async function post(path, body) {
  const response = await fetch(live.base + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: live.busy.signal,
  });
  if (!response.ok) throw new Error(await errorMessage(response));
  return response;
}

async function errorMessage(response) {
  const retryAfter = response.headers.get("Retry-After");
  try {
    const { error } = await response.json();
    return retryAfter ? `${error.message} (try again in ${retryAfter} s)` : error.message;
  } catch {
    return `The server answered ${response.status} ${response.statusText}`;
  }
}

/** Run one request; a newer one aborts an older one. */
async function runRequest(request) {
  if (live.busy) live.busy.abort();
  const controller = new AbortController();
  live.busy = controller;
  const { state } = live.parts;
  state.classList.remove("wrong");
  state.textContent = "The model is working …";
  try {
    await request();
    if (live.busy === controller) state.textContent = "";
  } catch (error) {
    if (error.name === "AbortError" || live.busy !== controller) return;
    state.classList.add("wrong");
    state.textContent = error instanceof TypeError ? "The server does not answer. Is it still running?" : error.message;
  }
}

/** Translate a text: show each token as it arrives, then the whole trace. */
function translate(text) {
  return runRequest(async () => {
    live.parts.stream.textContent = "";
    await readEvents(await post("/v1/translate", { text, stream: true }), (event) => {
      if (event.error) throw new Error(event.error.message);
      if (event.token !== undefined && event.token !== END) live.parts.stream.textContent = event.text ?? `${live.parts.stream.textContent} ${shownToken(event.token)}`;
    });
    const trace = await (await post("/v1/trace", { text })).json();
    showTrace(decodeTrace(trace));
  });
}

/** Call `onEvent` with each server-sent event of a response. */
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
