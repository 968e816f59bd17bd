// The storefront: suggestions, events, chat and cart. A plain ES module; the
// pages work without it, apart from chat and cart.
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || undefined;
const session = meta('session');
const customer = meta('customer');
const language = document.documentElement.lang;
const say = JSON.parse(document.getElementById('texts')?.textContent || '{}');
// What went wrong in the visitor's language, else as the server says it.
const wrong = (error, otherwise) => new Error(say[`error_${error?.code}`] || error?.message || otherwise);

async function call(path, body) {
  const headers = { 'Content-Type': 'application/json', 'Accept-Language': language };
  if (body) headers['Idempotency-Key'] = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  const response = await fetch(path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers });
  const answer = await response.json();
  if (!response.ok) throw wrong(answer.error, response.statusText);
  return answer;
}

function post(type, fields) {
  const event = { type, session_id: session, time: new Date().toISOString(), ...fields };
  if (customer) event.customer_id = customer;
  return call('/v1/events', { events: [event] });
}

function toast(message) {
  const box = document.getElementById('toast');
  box.textContent = message;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 2600);
}

// What led to a click: the card's decision and its place.
const origin = (element) => {
  const card = element.closest('[data-product]');
  if (!card) return {};
  const { product, decision, position, query } = card.dataset;
  return {
    product_id: product,
    ...(decision && { decision_id: decision }),
    ...(position && { position: Number(position) }),
    ...(query && { query }),
  };
};

// Lists that were made for this visitor change with what the visitor does.
async function renewLists() {
  for (const list of document.querySelectorAll('[data-fragment]')) {
    const response = await fetch(list.dataset.fragment);
    if (response.ok) list.innerHTML = await response.text();
  }
}

document.addEventListener('click', (happened) => {
  const link = happened.target.closest('a.card-title');
  if (link) {
    const event = { type: 'click', time: new Date().toISOString(), session_id: session, ...origin(link) };
    if (customer) event.customer_id = customer;
    // The page is being left: send it without waiting.
    fetch('/v1/events', {
      method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ events: [event] }),
    });
    return;
  }
  const button = happened.target.closest('[data-event]');
  if (!button) return;
  const fields = origin(button);
  const type = button.dataset.event;
  if (type === 'add_to_cart') cart.add(button.closest('[data-product]').dataset);
  post(type, fields)
    .then(() => { toast(button.dataset.said || '✓'); return renewLists(); })
    .catch((error) => toast(error.message));
  if (type === 'hide') button.closest('li')?.remove();
});

// --- suggestions ---------------------------------------------------------
const box = document.querySelector('.search input[type="search"]');
const list = document.getElementById('suggestions');
if (box && list) {
  let chosen = -1;
  let timer;
  const close = () => { list.hidden = true; chosen = -1; box.setAttribute('aria-expanded', 'false'); };
  const choose = (index) => {
    const items = [...list.children];
    if (!items.length) return;
    chosen = (index + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute('aria-selected', at === chosen));
    box.setAttribute('aria-activedescendant', items[chosen].id);
    box.value = items[chosen].textContent;
  };
  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const text = box.value.trim();
      if (!text) return close();
      try {
        const answer = await call(`/v1/suggest?limit=8&q=${encodeURIComponent(text)}${session ? `&session=${encodeURIComponent(session)}` : ''}`);
        const words = answer.suggestions.map((one) => (typeof one === 'string' ? one : one.text));
        list.replaceChildren(...words.map((word, at) => {
          const item = document.createElement('li');
          item.id = `suggestion-${at}`;
          item.role = 'option';
          item.textContent = word;
          item.addEventListener('mousedown', () => { box.value = word; box.form.submit(); });
          return item;
        }));
        list.hidden = words.length === 0;
        chosen = -1;
        box.setAttribute('aria-expanded', String(words.length > 0));
      } catch { close(); }
    }, 90);
  });
  box.addEventListener('keydown', (key) => {
    if (key.key === 'ArrowDown') { choose(chosen + 1); key.preventDefault(); }
    if (key.key === 'ArrowUp') { choose(chosen - 1); key.preventDefault(); }
    if (key.key === 'Escape') close();
  });
  box.addEventListener('blur', () => setTimeout(close, 150));
}

document.querySelectorAll('select[data-submit]').forEach((select) => {
  select.addEventListener('change', () => select.form.submit());
});

// --- chat ----------------------------------------------------------------
const panel = document.getElementById('chat');
const log = document.getElementById('chat-log');
let conversation = sessionStorage.getItem('conversation') || undefined;

function turn(role, text) {
  const bubble = document.createElement('div');
  bubble.className = `turn ${role}`;
  const words = document.createElement('span');
  words.textContent = text;
  bubble.append(words);
  log.append(bubble);
  log.scrollTop = log.scrollHeight;
  return bubble;
}

function showSources(bubble, citations) {
  if (!citations.length) return;
  const sources = document.createElement('ul');
  sources.className = 'sources';
  for (const citation of citations) {
    const item = document.createElement('li');
    const details = document.createElement('details');
    const summary = document.createElement('summary');
    summary.textContent = `${say.source}: ${citation.title || citation.source || citation.id || ''}`;
    const quote = document.createElement('blockquote');
    quote.textContent = citation.quote || citation.text || '';
    details.append(summary, quote);
    item.append(details);
    sources.append(item);
  }
  bubble.append(sources);
}

function showThumbs(bubble, decision) {
  if (!decision) return;
  const thumbs = document.createElement('div');
  thumbs.className = 'thumbs';
  const hand = '<path d="M7 11v9H3v-9zM7 11l4-8c2 0 3 1 3 3l-1 4h6a2 2 0 0 1 2 2l-2 6a2 2 0 0 1-2 2H7"/>';
  const glyph = (turned) => `<svg class="glyph${turned ? ' turned' : ''}" viewBox="0 0 24 24" aria-hidden="true">${hand}</svg>`;
  for (const [thumb, sign, label] of [['up', glyph(false), say.helpful], ['down', glyph(true), say.unhelpful]]) {
    const button = document.createElement('button');
    button.type = 'button';
    button.innerHTML = sign;
    button.setAttribute('aria-label', label);
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('click', async () => {
      try {
        await call('/v1/feedback', { decision_id: decision, thumb, session, customer });
        for (const other of thumbs.children) other.setAttribute('aria-pressed', String(other === button));
        toast(say.thanks);
      } catch (error) { toast(error.message); }
    });
    thumbs.append(button);
  }
  bubble.append(thumbs);
}

// Server-sent events out of a POST: blocks between blank lines.
async function* serverSentEvents(response) {
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
      const data = [...block.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join('\n');
      if (event && data) yield { event, data: JSON.parse(data) };
    }
  }
}

async function ask(message) {
  turn('customer', message);
  const bubble = turn('agent', '…');
  const words = bubble.firstChild;
  const citations = [];
  let text = '';
  try {
    const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream', 'Accept-Language': language };
    const response = await fetch('/v1/chat', {
      method: 'POST', headers, body: JSON.stringify({ message, conversation, customer, session }),
    });
    if (!response.ok) throw wrong((await response.json()).error, response.statusText);
    for await (const { event, data } of serverSentEvents(response)) {
      if (event === 'token') { text += data.text; words.textContent = text; log.scrollTop = log.scrollHeight; }
      if (event === 'citation') citations.push(data);
      if (event === 'handoff') bubble.dataset.handoff = 'true';
      if (event === 'error') throw wrong(data.error);
      if (event === 'done') {
        conversation = data.conversation;
        sessionStorage.setItem('conversation', conversation);
        showSources(bubble, citations);
        showThumbs(bubble, data.decision_id);
      }
    }
  } catch (error) { words.textContent = `⚠ ${error.message}`; }
  log.scrollTop = log.scrollHeight;
}

if (panel) {
  const opener = document.getElementById('chat-open');
  const show = (visible) => {
    panel.hidden = !visible;
    opener.setAttribute('aria-expanded', String(visible));
    (visible ? panel.querySelector('input') : opener).focus();
  };
  opener.addEventListener('click', () => show(true));
  document.getElementById('chat-close').addEventListener('click', () => show(false));
  panel.addEventListener('keydown', (key) => { if (key.key === 'Escape') show(false); });
  panel.querySelector('form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const input = panel.querySelector('input');
    const message = input.value.trim();
    if (message) { input.value = ''; ask(message); }
  });
  panel.querySelectorAll('.starters button').forEach((button) => {
    button.addEventListener('click', () => { button.parentElement.remove(); ask(button.textContent); });
  });
  const asked = new URLSearchParams(location.search).get('ask');
  if (asked) { show(true); ask(asked); }
}

// --- cart ----------------------------------------------------------------
const cart = {
  dialog: document.getElementById('cart'),
  discount: null,
  lines() { return JSON.parse(localStorage.getItem('cart') || '[]'); },
  keep(lines) { localStorage.setItem('cart', JSON.stringify(lines)); this.discount = null; this.show(); },
  add({ product, title, amount, currency, decision }) {
    const lines = this.lines();
    const line = lines.find((one) => one.product === product);
    if (line) line.quantity += 1;
    else lines.push({ product, title, amount: Number(amount || 0), currency, decision, quantity: 1 });
    this.keep(lines);
  },
  sum() { return this.lines().reduce((sum, line) => sum + line.amount * line.quantity, 0); },
  money(amount) {
    const currency = this.lines()[0]?.currency || 'USD';
    try {
      const format = new Intl.NumberFormat(language, { style: 'currency', currency });
      return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
    } catch { return `${amount} ${currency}`; }
  },
  show() {
    if (!this.dialog) return;
    const lines = this.lines();
    const count = lines.reduce((sum, line) => sum + line.quantity, 0);
    const badge = document.getElementById('cart-count');
    badge.textContent = count;
    badge.hidden = count === 0;
    document.getElementById('cart-lines').replaceChildren(...lines.map((line) => {
      const item = document.createElement('li');
      const title = document.createElement('span');
      title.textContent = `${line.quantity} × ${line.title}`;
      const price = document.createElement('span');
      price.textContent = this.money(line.amount * line.quantity);
      const remove = document.createElement('button');
      remove.type = 'button';
      remove.className = 'quiet';
      remove.textContent = '✕';
      remove.setAttribute('aria-label', `${say.remove}: ${line.title}`);
      remove.addEventListener('click', () => {
        this.keep(this.lines().filter((one) => one.product !== line.product));
        post('remove_from_cart', { product_id: line.product }).then(renewLists);
      });
      item.append(title, price, remove);
      return item;
    }));
    const off = this.discount?.amount || 0;
    document.getElementById('cart-discount').textContent = off ? `−${this.money(off)}` : '';
    document.getElementById('cart-sum').textContent = this.money(this.sum() - off);
    document.getElementById('checkout').disabled = lines.length === 0;
  },
  order() { return { amount: this.sum(), currency: this.lines()[0]?.currency || 'USD' }; },
  async validate(code) {
    const verdict = await call('/v1/offers/validate', { code, customer: customer || session, order_amount: this.order() });
    if (!verdict.valid) throw wrong(verdict.error, '✕');
    this.discount = { code, ...verdict.discount };
    this.show();
  },
  async buy() {
    const order = `web-${Date.now()}-${(session || '').slice(-6)}`;
    if (this.discount) {
      await call('/v1/offers/redeem', { code: this.discount.code, customer: customer || session, order_id: order, order_amount: this.order() });
    }
    for (const line of this.lines()) {
      await post('purchase', {
        product_id: line.product, quantity: line.quantity, properties: { order_id: order },
        ...(line.decision && { decision_id: line.decision }),
      });
    }
    this.keep([]);
    this.dialog.close();
    toast(say.bought);
    await renewLists();
  },
};

if (cart.dialog) {
  cart.show();
  document.getElementById('cart-open').addEventListener('click', async () => {
    cart.dialog.showModal();
    const points = document.getElementById('points');
    if (points && customer) {
      try { points.textContent = (await call(`/v1/points/${encodeURIComponent(customer)}`)).points; } catch { points.textContent = '–'; }
    }
  });
  document.getElementById('cart-close').addEventListener('click', () => cart.dialog.close());
  document.getElementById('coupon').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const code = submitted.target.elements.code.value.trim();
    const said = document.getElementById('coupon-said');
    cart.validate(code).then(() => { said.textContent = `✓ ${code}`; }).catch((error) => { said.textContent = error.message; });
  });
  document.getElementById('checkout').addEventListener('click', () => cart.buy().catch((error) => toast(error.message)));
}

// A product page is itself an event.
const viewed = document.querySelector('main[data-product]');
if (viewed) post('view', origin(viewed)).catch(() => {});
