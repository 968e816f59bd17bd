// The cart: kept in the browser, priced by the server when it is bought.
import { call, customer, element, fresh, money, post, renewLists, say, session, toast, wrong } from './page.js';

const dialog = document.getElementById('cart');
let discount = null;
// One try to buy is one order, however often the button is pressed.
let attempt = fresh();

const lines = () => JSON.parse(localStorage.getItem('cart') || '[]');
const sum = () => lines().reduce((all, line) => all + line.amount * line.quantity, 0);
const currency = () => lines()[0]?.currency || 'USD';

function keep(changed) {
  localStorage.setItem('cart', JSON.stringify(changed));
  discount = null;
  attempt = fresh();
  show();
}

export function add({ product, title, amount, currency: of, decision, position, query }) {
  const all = lines();
  const line = all.find((one) => one.product === product);
  if (line) line.quantity += 1;
  else all.push({ product, title, amount: Number(amount || 0), currency: of, decision, position, query, quantity: 1 });
  keep(all);
}

function remove(product) {
  keep(lines().filter((one) => one.product !== product));
  post('remove_from_cart', { product_id: product }).then(renewLists).catch(() => {});
}

function show() {
  if (!dialog) return;
  const count = lines().reduce((all, line) => all + line.quantity, 0);
  const badge = document.getElementById('cart-count');
  badge.textContent = count;
  badge.hidden = count === 0;
  document.getElementById('cart-lines').replaceChildren(...lines().map((line) => {
    const button = element('button', { type: 'button', className: 'quiet', text: '✕', 'aria-label': `${say.remove}: ${line.title}` });
    button.addEventListener('click', () => remove(line.product));
    return element('li', { 'data-line': line.product },
      element('span', { text: `${line.quantity} × ${line.title}` }),
      element('span', { text: money(line.amount * line.quantity, line.currency) }), button);
  }));
  const off = discount?.amount || 0;
  document.getElementById('cart-discount').parentElement.hidden = !off;
  document.getElementById('cart-discount').textContent = off ? `−${money(off, currency())}` : '';
  document.getElementById('cart-sum').textContent = money(sum() - off, currency());
  document.getElementById('checkout').disabled = count === 0;
}

async function validate(code) {
  const order_amount = { amount: sum(), currency: currency() };
  const verdict = await call('/v1/offers/validate', { code, customer: customer || session, order_amount });
  if (!verdict.valid) throw wrong(verdict.error, '✕');
  discount = { code, ...verdict.discount };
  show();
}

async function buy() {
  const bought = lines().map(({ product, quantity, decision, position, query }) => ({
    product_id: product,
    quantity,
    ...(decision && { decision_id: decision }),
    ...(position && { position: Number(position) }),
    ...(query && { query }),
  }));
  const body = { lines: bought, session, customer, ...(discount && { code: discount.code }) };
  const { order } = await call('/v1/checkout', body, attempt);
  keep([]);
  const done = document.getElementById('cart-done');
  done.dataset.order = order.id;
  done.textContent = `${say.bought} · ${say.order} ${order.id} · ${money(order.total.amount, order.total.currency)}`;
  done.hidden = false;
  await renewLists();
}

if (dialog) {
  show();
  document.getElementById('cart-open').addEventListener('click', async () => {
    document.getElementById('cart-done').hidden = true;
    dialog.showModal();
    const points = document.getElementById('points');
    if (points && customer) {
      try { points.textContent = (await call(`/v1/points/${encodeURIComponent(customer)}`)).points; } catch { points.textContent = '–'; }
    }
  });
  document.getElementById('cart-close').addEventListener('click', () => dialog.close());
  document.getElementById('coupon').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    const code = submitted.target.elements.code.value.trim();
    const said = document.getElementById('coupon-said');
    validate(code).then(() => { said.textContent = `✓ ${code}`; }).catch((error) => { said.textContent = error.message; });
  });
  document.getElementById('checkout').addEventListener('click', (pressed) => {
    pressed.target.disabled = true;
    buy().catch((error) => { toast(error.message); show(); });
  });
}
