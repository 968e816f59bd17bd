// The storefront: events, suggestions, and the modules for chat and cart.
// Plain ES modules; the pages work without them, apart from chat and cart.
import { call, origin, post, renewLists, session, toast } from './page.js';
import { add } from './cart.js';
import './chat.js';

document.addEventListener('click', (happened) => {
  const link = happened.target.closest('a.card-title');
  if (link) {
    post('click', origin(link)).catch(() => {});
    return;
  }
  const button = happened.target.closest('[data-event]');
  if (!button) return;
  const fields = origin(button);
  const type = button.dataset.event;
  if (type === 'add_to_cart') add(button.closest('[data-product]').dataset);
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

// A product page is itself an event.
const viewed = document.querySelector('main[data-product]');
if (viewed) post('view', origin(viewed)).catch(() => {});
