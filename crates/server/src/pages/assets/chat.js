// The chat: the assistant while it answers, a person when one has taken over,
// and what was said before, on every page.
import { call, customer, element, headers, money, say, session, toast, wrong } from './page.js';
import { eventsOf, follow } from './live.js';

const panel = document.getElementById('chat');
const log = document.getElementById('chat-log');
// Another customer, or another visit, has a conversation of its own.
const KEPT = `conversation:${customer || session}`;
let conversation = localStorage.getItem(KEPT) || undefined;
let hearing;
// Bubbles that are shown before the log has their turn.
const early = [];
// Products that the customer asked to be put into the cart, until their cards are shown.
const asked = new Set();

const down = () => { log.scrollTop = log.scrollHeight; };

function turn(role, text) {
  const bubble = element('div', { className: `turn ${role}` }, element('span', { className: 'words', text }));
  log.append(bubble);
  down();
  return bubble;
}

function notice(text) {
  const last = log.querySelector('.notice:last-of-type');
  if (last?.textContent === text) return;
  log.append(element('p', { className: 'notice', role: 'status', text }));
  down();
}

function sources(all) {
  if (!all?.length) return undefined;
  return element('ul', { className: 'sources', 'aria-label': say.source }, ...all.map((source) => element('li', {},
    source.url
      ? element('a', { href: source.url, title: source.quote, text: source.title || source.source })
      : element('span', { title: source.quote, text: source.title || source.source }))));
}

function addition({ title, can_be_added: may }) {
  if (!may) return undefined;
  const label = `${say.add_to_cart}: ${title}`;
  return element('button', { type: 'button', text: say.add_to_cart, 'aria-label': label, 'data-event': 'add_to_cart', 'data-said': say.added });
}

function cards(products, decision) {
  if (!products?.length) return undefined;
  return element('ul', { className: 'chat-cards' }, ...products.map((product, place) => {
    const { id, title, price } = product;
    return element('li', {
      'data-product': id, 'data-title': title, 'data-amount': price?.amount ?? 0,
      'data-currency': price?.currency ?? '', 'data-position': place + 1, 'data-decision': decision,
    },
    element('a', { href: product.url, className: 'chat-card' },
      product.image && element('img', { src: product.image, alt: '', loading: 'lazy' }),
      element('span', { text: title }),
      price && element('strong', { text: money(price.amount, price.currency) })),
    addition(product));
  }));
}

function thumbs(decision) {
  if (!decision) return undefined;
  const hand = '<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path d="M7 11v9H3v-9zM7 11l4-8c2 0 3 1 3 3l-1 4h6a2 2 0 0 1 2 2l-2 6a2 2 0 0 1-2 2H7"/></svg>';
  const box = element('div', { className: 'thumbs' });
  for (const [thumb, label] of [['up', say.helpful], ['down', say.unhelpful]]) {
    const button = element('button', { type: 'button', className: `thumb-${thumb}`, 'aria-label': label, 'aria-pressed': 'false' });
    button.innerHTML = hand;
    button.addEventListener('click', async () => {
      try {
        await call('/v1/feedback', { decision_id: decision, thumb, session, customer });
        for (const other of box.children) other.setAttribute('aria-pressed', String(other === button));
        toast(say.thanks);
      } catch (error) { toast(error.message); }
    });
    box.append(button);
  }
  return box;
}

// A turn as the log has it; it takes the place of the bubble that was early.
function message(said) {
  if (said.role === 'tool') return;
  const waiting = early.findIndex(({ role, text }) => role === said.role
    && (role === 'customer' ? text === said.text : Boolean(said.decision_id)));
  const bubble = element('div', { className: `turn ${said.role}` },
    said.by && said.by !== 'person' && element('strong', { className: 'by', text: said.by }),
    element('span', { className: 'words', text: said.text }),
    cards(said.products, said.decision_id), sources(said.sources), thumbs(said.decision_id));
  if (waiting >= 0) early.splice(waiting, 1)[0].bubble.replaceWith(bubble);
  else log.append(bubble);
  for (const card of bubble.querySelectorAll('[data-product]')) {
    if (asked.delete(card.dataset.product)) card.querySelector('[data-event="add_to_cart"]')?.click();
  }
  log.querySelector('.typing')?.remove();
  log.querySelector('.starters')?.remove();
  down();
}

function typing({ role, by }) {
  if (role !== 'agent') return;
  let box = log.querySelector('.typing');
  if (!box) log.append(box = element('p', { className: 'typing soft small' }));
  box.textContent = `${by || '…'} ${say.typing}`;
  clearTimeout(typing.timer);
  typing.timer = setTimeout(() => box.remove(), 6000);
  down();
}

// --- what waits for the customer's word ------------------------------------
const ACTIONS = () => `actions:${conversation}`;
const open = () => JSON.parse(localStorage.getItem(ACTIONS()) || '[]')
  .filter((one) => new Date(one.expires_at) > new Date());
const keepOpen = (actions) => localStorage.setItem(ACTIONS(), JSON.stringify(actions));

const shown = (value) => {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value !== 'object') return String(value);
  if (typeof value.amount === 'number' && value.currency) return money(value.amount, value.currency);
  return Object.values(value).filter((inner) => inner !== '' && inner !== null).map(shown).join(', ');
};

// Of a list that grows, what is added says it all.
function difference({ before, after }) {
  const grows = Array.isArray(after) && after.some((one) => typeof one === 'object');
  if (grows) return [element('ins', { text: after.slice(before?.length || 0).map(shown).join('; ') })];
  return [element('del', { text: shown(before) }), ' → ', element('ins', { text: shown(after) })];
}

const field = ({ record, field: name }) => `${record.slice(record.indexOf(':') + 1)} · ${name.replaceAll('_', ' ')}`;

function action(offer) {
  if (!offer.token || log.querySelector(`[data-token="${offer.token}"]`)) return;
  const result = element('p', { role: 'status' });
  const card = element('div', { className: 'action', 'data-token': offer.token, role: 'group', 'aria-label': say.confirm_about },
    element('strong', { text: say.confirm_about }),
    element('dl', {}, ...(offer.changes || []).flatMap((change) => [
      element('dt', { text: field(change) }),
      element('dd', {}, ...difference(change)),
    ])));
  const buttons = element('div', { className: 'action-buttons' });
  for (const [accept, label, className] of [[true, say.confirm, 'primary'], [false, say.decline, '']]) {
    const button = element('button', { type: 'button', className, text: label, 'data-accept': accept });
    button.addEventListener('click', async () => {
      for (const one of buttons.children) one.disabled = true;
      try {
        const answer = await call(offer.confirm || '/v1/chat/confirm', { token: offer.token, customer, accept });
        result.textContent = answer.done ? `✓ ${say.confirmed}` : say.declined;
        buttons.remove();
      } catch (error) {
        result.textContent = error.message;
        for (const one of buttons.children) one.disabled = false;
      }
      keepOpen(open().filter((one) => one.token !== offer.token));
    });
    buttons.append(button);
  }
  card.append(buttons, result);
  log.append(card);
  down();
}

function offered(offer) {
  // Until the first answer ends the conversation has no name to keep it under.
  if (conversation) keepOpen([...open().filter((one) => one.token !== offer.token), offer]);
  action(offer);
}

// --- the conversation as it goes on -----------------------------------------
const NOTICES = {
  waiting: say.person_asked, person: say.person_here, assistant: say.assistant_back,
};

function hear(event, data) {
  if (event === 'message') message(data);
  if (event === 'typing') typing(data);
  if (event === 'action') offered(data);
  if (event === 'handoff' || event === 'agent') {
    panel.dataset.state = data.state;
    notice(NOTICES[data.state]);
  }
}

function listen() {
  if (!conversation || hearing) return;
  hearing = new AbortController();
  addEventListener('pagehide', () => hearing?.abort(), { once: true });
  const path = `/v1/conversations/${encodeURIComponent(conversation)}/events`;
  follow(path, headers(), hearing.signal, hear).then(() => {
    // Nobody may read it any more: the next message begins another one.
    if (hearing?.signal.aborted) return;
    hearing = undefined;
    conversation = undefined;
    localStorage.removeItem(KEPT);
  });
  open().forEach(action);
}

async function ask(text) {
  log.querySelector('.starters')?.remove();
  const question = { role: 'customer', text, bubble: turn('customer', text) };
  const answer = { role: 'agent', text: '', bubble: turn('agent', '…') };
  early.push(question, answer);
  const words = answer.bubble.querySelector('.words');
  const offers = [];
  try {
    const response = await fetch('/v1/chat', {
      method: 'POST', headers: headers({ Accept: 'text/event-stream' }),
      body: JSON.stringify({ message: text, conversation, customer, session }),
    });
    if (!response.ok) throw wrong((await response.json()).error, response.statusText);
    for await (const { event, data } of eventsOf(response)) {
      if (event === 'token') { answer.text += data.text; words.textContent = answer.text; down(); }
      if (event === 'action' && data.token) offers.push(data);
      if (event === 'action' && data.tool === 'add_to_cart') asked.add(data.arguments.product);
      if (event === 'error') throw wrong(data.error);
      if (event === 'done') {
        if (data.silent || !data.text) {
          answer.bubble.remove();
          if (early.includes(answer)) early.splice(early.indexOf(answer), 1);
        }
        conversation = data.conversation;
        localStorage.setItem(KEPT, conversation);
        offers.forEach(offered);
        listen();
      }
    }
  } catch (error) {
    words.textContent = `⚠ ${error.message}`;
    if (early.includes(answer)) early.splice(early.indexOf(answer), 1);
  }
  down();
}

async function askForPerson() {
  if (!conversation) return ask(say.ask_person);
  try { await call(`/v1/conversations/${encodeURIComponent(conversation)}/handoff`, {}); } catch (error) { toast(error.message); }
}

if (panel) {
  const opener = document.getElementById('chat-open');
  const show = (visible, focus = true) => {
    panel.hidden = !visible;
    opener.setAttribute('aria-expanded', String(visible));
    sessionStorage.setItem('chat-open', visible ? '1' : '');
    if (focus) (visible ? panel.querySelector('input') : opener).focus();
    down();
  };
  opener.addEventListener('click', () => show(true));
  document.getElementById('chat-close').addEventListener('click', () => show(false));
  document.getElementById('chat-person').addEventListener('click', askForPerson);
  panel.addEventListener('keydown', (key) => { if (key.key === 'Escape') show(false); });
  panel.querySelector('form').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const input = panel.querySelector('input');
    const text = input.value.trim();
    if (text) { input.value = ''; ask(text); }
  });
  panel.querySelectorAll('.starters button').forEach((button) => {
    button.addEventListener('click', () => ask(button.textContent));
  });
  if (sessionStorage.getItem('chat-open')) show(true, false);
  listen();
  const question = new URLSearchParams(location.search).get('ask');
  if (question) { show(true); ask(question); }
}
