// Server-sent events over fetch, which takes headers where EventSource cannot.

// The events of one response: blocks between blank lines.
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = /^event: ?(.*)$/m.exec(block)?.[1];
      const id = /^id: ?(.*)$/m.exec(block)?.[1];
      const data = [...block.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join('\n');
      if (event && data) yield { event, id, data: JSON.parse(data) };
    }
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Hears a stream until `signal` ends it; goes on where it broke off. A stream
// that is not there (any more) ends it too.
export async function follow(path, headers, signal, hear) {
  let last;
  let wait = 500;
  while (!signal.aborted) {
    try {
      const response = await fetch(path, {
        headers: { ...headers, Accept: 'text/event-stream', ...(last && { 'Last-Event-ID': last }) }, signal,
      });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) return;
      if (response.ok) {
        wait = 500;
        for await (const { event, id, data } of eventsOf(response)) {
          if (id) last = id;
          hear(event, data);
        }
      }
    } catch { /* The server is away, or the page is being left. */ }
    await pause(wait);
    wait = Math.min(wait * 2, 15000);
  }
}
