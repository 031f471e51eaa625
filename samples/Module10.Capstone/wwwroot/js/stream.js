/** Reads the error of an answer. */
export async function errorOf(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `The application answers with status ${response.status}.`;
  }
}

/** Asks for JSON. */
export async function ask(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(await errorOf(response));
  return response.status === 204 ? null : response.json();
}

/** Yields the server-sent events of a body as [name, data]. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const name = lines.find(line => line.startsWith('event: '))?.slice(7) ?? 'message';
      yield [name, JSON.parse(lines.find(line => line.startsWith('data: '))?.slice(6) ?? 'null')];
    }
  }
}

/**
 * Work that the application does for this page, one at a time: it can be stopped, and shows where it is.
 * The elements are: start (buttons that are off meanwhile), stop, status, error, progress.
 */
export class Work {
  #elements;
  #abort = null;

  constructor(elements) {
    this.#elements = elements;
    elements.stop.addEventListener('click', () => this.stop());
  }

  get isRunning() {
    return this.#abort !== null;
  }

  stop() {
    this.#abort?.abort();
  }

  /** Posts a body (JSON, or a text as it is) and calls the handler of each event. Resolves to whether the work was done. */
  async run(url, body, handlers) {
    if (this.isRunning) return false;
    const { status, error } = this.#elements;
    this.#abort = new AbortController();
    this.#show(true);
    error.textContent = '';
    status.textContent = 'Asking …';
    let isDone = false;
    try {
      const isText = typeof body === 'string';
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json' },
        body: isText ? body : JSON.stringify(body),
        signal: this.#abort.signal,
      });
      if (!response.ok) throw new Error(await errorOf(response));
      for await (const [name, data] of eventsOf(response.body)) {
        if (name === 'queued') status.textContent = `Waiting for ${data.ahead} other ${data.ahead === 1 ? 'request' : 'requests'} …`;
        else if (name === 'started') status.textContent = 'Working …';
        else if (name === 'error') throw new Error(data.message);
        else if (name === 'done') isDone = true;
        else handlers[name]?.(data);
      }
      if (status.textContent.endsWith('…')) status.textContent = isDone ? '' : 'The application ended.';
    } catch (e) {
      status.textContent = e.name === 'AbortError' ? 'Stopped.' : '';
      if (e.name !== 'AbortError') error.textContent = e.message;
    } finally {
      this.#abort = null;
      this.#show(false);
    }
    return isDone;
  }

  /** Shows how much is done, 0 to 1. */
  progress(share, text) {
    if (this.#elements.progress) this.#elements.progress.value = share;
    if (text) this.#elements.status.textContent = text;
  }

  #show(isRunning) {
    const { start, stop, progress } = this.#elements;
    for (const button of start) button.disabled = isRunning;
    stop.hidden = !isRunning;
    if (progress) {
      progress.hidden = !isRunning;
      progress.value = 0;
    }
  }
}
