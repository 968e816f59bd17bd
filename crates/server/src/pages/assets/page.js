// What the modules of the storefront share: who looks, calls, words, events.
export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || undefined;
export const session = meta('session');
export const customer = meta('customer');
export const language = document.documentElement.lang;
export const say = JSON.parse(document.getElementById('texts')?.textContent || '{}');

// What went wrong in the visitor's language, else as the server says it.
export const wrong = (error, otherwise) => new Error(say[`error_${error?.code}`] || error?.message || otherwise);

export const headers = (more) => ({ 'Content-Type': 'application/json', 'Accept-Language': language, ...more });

export const fresh = () => (crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`);

export async function call(path, body, key) {
  const response = await fetch(path, body
    ? { method: 'POST', headers: headers({ 'Idempotency-Key': key || fresh() }), body: JSON.stringify(body) }
    : { headers: headers() });
  const answer = await response.json();
  if (!response.ok) throw wrong(answer.error, response.statusText);
  return answer;
}

// Goes out even while the page is being left.
export async function post(type, fields) {
  const event = { type, session_id: session, time: new Date().toISOString(), ...fields };
  if (customer) event.customer_id = customer;
  const response = await fetch('/v1/events', {
    method: 'POST', keepalive: true, headers: headers({ 'Idempotency-Key': fresh() }), body: JSON.stringify({ events: [event] }),
  });
  if (!response.ok) throw wrong((await response.json()).error, response.statusText);
}

export function toast(message) {
  const box = document.getElementById('toast');
  box.textContent = message;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 2600);
}

// An element with a class, a text and children.
export function element(name, { className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

export function money(amount, currency) {
  try {
    const format = new Intl.NumberFormat(language, { style: 'currency', currency });
    return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
  } catch { return `${amount} ${currency}`; }
}

// What led to a click: the card's decision and its place.
export function origin(inside) {
  const card = inside.closest('[data-product]');
  if (!card) return {};
  const { product, decision, position, query } = card.dataset;
  return {
    product_id: product,
    ...(decision && { decision_id: decision }),
    ...(position && { position: Number(position) }),
    ...(query && { query }),
  };
}

// Lists that were made for this visitor change with what the visitor does.
export async function renewLists() {
  for (const list of document.querySelectorAll('[data-fragment]')) {
    const response = await fetch(list.dataset.fragment);
    if (response.ok) list.innerHTML = await response.text();
  }
}
