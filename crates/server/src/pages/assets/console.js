// The console: live figures, buttons that change the registry, conversations.
import { follow as listen } from './live.js';

const texts = JSON.parse(document.getElementById('texts')?.textContent || '{}');
const at = (value, path) => path.split('.').reduce((inner, name) => inner?.[name], value);
const live = [...document.querySelectorAll('[data-live]')];

async function renew() {
  try {
    const response = await fetch('/console/live');
    if (!response.ok) return;
    const figures = await response.json();
    for (const element of live) {
      const value = at(figures, element.dataset.live);
      if (value === undefined || value === null) continue;
      const text = typeof value === 'number' ? value.toLocaleString(document.documentElement.lang) : String(value);
      const before = element.textContent;
      element.textContent = text;
      if (before.replace(/\D/g, '') === text.replace(/\D/g, '') && typeof value === 'number') continue;
      if (before === text) continue;
      element.classList.remove('changed');
      void element.offsetWidth;
      element.classList.add('changed');
    }
  } catch { /* The server is away: the next round tries again. */ }
}

if (live.length) setInterval(renew, 2000);

function toast(message) {
  const box = document.getElementById('toast');
  box.textContent = message;
  box.hidden = false;
  setTimeout(() => { box.hidden = true; }, 4000);
}

async function write(path, body) {
  const response = await fetch(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body || {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

// Shows how a training stands until it has ended; the page says what came of it.
async function follow(task) {
  const box = document.getElementById('training');
  box.hidden = false;
  for (;;) {
    // A server that has started again no longer knows the task: the page tells.
    const response = await fetch(`/v1/tasks/${task}`).catch(() => undefined);
    const now = await response?.json() ?? { status: 'running' };
    if (now.status !== 'running') return location.reload();
    const bar = box.querySelector('progress');
    if (now.fraction === undefined) bar.removeAttribute('value'); else bar.value = now.fraction;
    box.querySelector('[role=status]').textContent = now.progress || texts.training;
    await new Promise((done) => setTimeout(done, 500));
  }
}

const training = document.getElementById('training')?.dataset.task;
if (training) follow(training);

document.addEventListener('click', async (happened) => {
  const button = happened.target.closest('[data-post]');
  if (!button) return;
  button.disabled = true;
  try {
    const answer = await write(button.dataset.post, JSON.parse(button.dataset.body || '{}'));
    if (answer.kind === 'train') await follow(answer.id); else location.reload();
  } catch (error) {
    toast(error.message);
    button.disabled = false;
  }
});

document.addEventListener('click', async (happened) => {
  const button = happened.target.closest('[data-delete]');
  if (!button) return;
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.delete, { method: 'DELETE' });
    if (!response.ok) throw new Error((await response.json()).error.message);
    location.reload();
  } catch (error) {
    toast(error.message);
    button.disabled = false;
  }
});

document.getElementById('rule-form')?.addEventListener('submit', async (submitted) => {
  submitted.preventDefault();
  const fields = new FormData(submitted.target);
  const said = (name) => fields.get(name)?.trim() || undefined;
  const moment = (name) => (said(name) ? new Date(said(name)).toISOString() : undefined);
  const then = { redirect: said('redirect'), banner: said('banner'), filter: said('filter') };
  if (said('pin')) then.pin = [{ product_id: said('pin'), position: Number(said('position') || 1) }];
  if (said('hide')) then.hide = said('hide').split(',').map((id) => id.trim()).filter(Boolean);
  if (said('boost')) then.boost = [{ filter: said('boost'), by: 1 }];
  try {
    await write('/v1/rules', {
      when: { query: said('query'), matches: fields.get('matches'), category: said('category'), from: moment('from'), until: moment('until') },
      then,
    });
    location.reload();
  } catch (error) { toast(error.message); }
});

document.getElementById('synonym-form')?.addEventListener('submit', async (submitted) => {
  submitted.preventDefault();
  const words = new FormData(submitted.target).get('words').split(',').map((word) => word.trim()).filter(Boolean);
  try {
    await write('/v1/synonyms', { words });
    location.reload();
  } catch (error) { toast(error.message); }
});

// A form's fields as the JSON that its path expects; the button says the rest.
function body(form, button) {
  const sent = {};
  for (const field of form.elements) {
    if (!field.name || field.type === 'submit') continue;
    sent[field.name] = field.dataset.type === 'number' ? Number(field.value) : field.value;
  }
  if (button?.name) sent[button.name] = button.value === 'true';
  return sent;
}

document.addEventListener('submit', async (submitted) => {
  const form = submitted.target.closest('[data-send]');
  if (!form) return;
  submitted.preventDefault();
  try {
    await write(form.dataset.send, body(form, submitted.submitter));
    location.reload();
  } catch (error) { toast(error.message); }
});

document.addEventListener('click', async (happened) => {
  const button = happened.target.closest('[data-suggest]');
  if (!button) return;
  try {
    const suggested = await write(button.dataset.suggest);
    document.getElementById('reply').value = suggested.text;
    const sources = suggested.citations.map((citation) => citation.source);
    document.getElementById('suggested-from').textContent = [...new Set(sources)].join(', ');
  } catch (error) { toast(error.message); }
});

document.getElementById('coupon-form')?.addEventListener('submit', async (submitted) => {
  submitted.preventDefault();
  const fields = new FormData(submitted.target);
  const number = (name) => (fields.get(name) ? Number(fields.get(name)) : undefined);
  try {
    await write('/v1/campaigns', {
      code: fields.get('code'),
      discount: { type: 'percent', basis_points: Math.round(Number(fields.get('percent')) * 100) },
      limit: number('limit'),
      limit_per_customer: number('limit_per_customer'),
    });
    location.reload();
  } catch (error) { toast(error.message); }
});

// A conversation that a person looks at goes on without a reload.
const talk = document.querySelector('[data-conversation]');
if (talk) {
  const path = `/v1/conversations/${encodeURIComponent(talk.dataset.conversation)}`;
  let known = talk.querySelectorAll('.turn').length;
  const leaving = new AbortController();
  addEventListener('pagehide', () => leaving.abort(), { once: true });
  listen(`${path}/events`, {}, leaving.signal, (event, said) => {
    if (event !== 'message') return;
    // The first ones are on the page.
    if (known > 0) { known -= 1; return; }
    const bubble = document.createElement('div');
    bubble.className = `turn ${said.role}`;
    bubble.textContent = said.text;
    talk.append(bubble);
    talk.scrollTop = talk.scrollHeight;
  });
  let told = 0;
  document.getElementById('reply')?.addEventListener('input', () => {
    if (Date.now() - told < 3000) return;
    told = Date.now();
    write(`${path}/typing`, {}).catch(() => {});
  });
}
