// Files on their way into the shop: each is uploaded once, looked at, corrected and stored.
const say = JSON.parse(document.getElementById('texts').textContent);
const language = document.documentElement.lang;
const fill = (text, values) => Object.entries(values)
  .reduce((filled, [key, value]) => filled.replace(`{${key}}`, () => value), text);
const needs = {
  kind: say.import_need_kind,
  mapping: say.import_need_mapping,
  currency: say.import_need_currency,
  time_zone: say.import_need_time_zone,
  date_order: say.import_need_date_order,
};

const list = document.getElementById('uploads');
// What was said of one file goes for those that leave the same open.
const said = {};
const waiting = new Map();

for (const [id, kind] of [['currencies', 'currency'], ['zones', 'timeZone']]) {
  document.getElementById(id).append(...Intl.supportedValuesOf(kind).map((value) => new Option(value, value)));
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Sends a file, and says how much of it has gone.
function send(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    request.responseType = 'json';
    request.upload.onprogress = (sent) => progress(sent.loaded / Math.max(sent.total, 1));
    request.onload = () => (request.status < 300 ? resolve(request.response)
      : reject(new Error(request.response?.error?.message ?? say.import_failed)));
    request.onerror = () => reject(new Error(say.import_failed));
    request.send(file);
  });
}

// A record's field in a cell.
function written(value) {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(written).join(', ');
  if (typeof value !== 'object') return String(value);
  if ('amount' in value && 'currency' in value) {
    const format = new Intl.NumberFormat(language, { style: 'currency', currency: value.currency });
    return format.format(value.amount / 10 ** format.resolvedOptions().maximumFractionDigits);
  }
  return Object.entries(value).map(([key, inner]) => `${key}: ${written(inner)}`).join(', ');
}

class Upload {
  constructor(file, name) {
    this.file = file;
    this.name = name;
    // What somebody corrected: column → field.
    this.changed = new Map();
    list.append(document.getElementById('upload').content.cloneNode(true));
    this.card = list.lastElementChild;
    this.at('[data-name]').textContent = name;
    this.form = this.at('[data-choices]');
    this.form.addEventListener('submit', (submitted) => submitted.preventDefault());
    this.form.addEventListener('change', (change) => this.correct(change.target));
    this.at('[data-store]').addEventListener('click', () => this.store());
    this.at('[data-leave]').addEventListener('click', () => { waiting.delete(this); this.card.remove(); settle(); });
    waiting.set(this, false);
    this.look();
  }

  at(selector) { return this.card.querySelector(selector); }

  value(name) { return this.form.elements[name].value.trim(); }

  path(options) {
    const query = new URLSearchParams({ keep: true, name: this.name, ...options });
    if (this.upload) query.set('upload', this.upload);
    for (const name of ['currency', 'time_zone', 'date_order']) {
      const value = this.value(name);
      if (value) query.set(name, name === 'currency' ? value.toUpperCase() : value);
    }
    for (const [column, field] of this.changed) query.append('map', `${field}=${column}`);
    return `/v1/import/${this.value('kind') || 'auto'}?${query}`;
  }

  // Runs a task to its end; what was uploaded is kept under its id.
  async run(options) {
    const bar = this.at('progress');
    bar.hidden = false;
    this.at('[data-error]').hidden = true;
    this.at('[data-store]').disabled = true;
    const first = !this.upload;
    let task = await send(this.path(options), first ? this.file : null, (part) => { if (first) bar.value = part; });
    this.upload = task.id;
    while (task.status === 'running') {
      await pause(150);
      const response = await fetch(`/v1/tasks/${task.id}`);
      if (!response.ok) throw new Error((await response.json()).error.message);
      task = await response.json();
      if (task.fraction === undefined) bar.removeAttribute('value'); else bar.value = task.fraction;
      if (task.progress) this.at('[data-status]').textContent = task.progress;
    }
    bar.hidden = true;
    if (task.status === 'failed') throw new Error(task.error);
    return task.result;
  }

  async look() {
    waiting.set(this, false);
    settle();
    try {
      let report = await this.run({ dry_run: true });
      // Somebody has answered that for another file.
      const answered = report.needs.filter((need) => said[need] && !this.value(need));
      for (const need of answered) this.form.elements[need].value = said[need];
      if (answered.length) report = await this.run({ dry_run: true });
      this.show(report);
    } catch (error) { this.fail(error); }
    settle();
  }

  fail(error) {
    this.at('progress').hidden = true;
    this.at('[data-status]').textContent = '';
    this.at('[data-error]').textContent = error.message;
    this.at('[data-error]').hidden = false;
    this.form.hidden = !this.upload;
  }

  show(report) {
    this.report = report;
    this.form.hidden = false;
    if (report.kind && this.value('kind') === 'auto') this.shownKind(report.kind);
    this.at('[data-found]').textContent = [report.saved, report.format].filter(Boolean).join(' · ');
    const open = new Set(report.needs);
    for (const label of this.form.querySelectorAll('[data-need]')) {
      const input = label.querySelector('input, select');
      label.hidden = !open.has(label.dataset.need) && !input.value;
      label.classList.toggle('asked', open.has(label.dataset.need));
    }
    this.form.elements.kind.parentElement.classList.toggle('asked', open.has('kind'));
    const asks = report.needs.map((need) => needs[need]);
    this.at('[data-status]').textContent = asks.length ? asks.join(' ')
      : fill(say.import_found, { good: report.accepted.toLocaleString(language), bad: report.rejected.toLocaleString(language) });
    this.showColumns(report);
    this.showExamples(report.records ?? []);
    this.showProblems(report);
    // What only wants a nod is given one by storing it.
    const ready = report.accepted > 0 && report.needs.every((need) => need === 'mapping');
    this.at('[data-store]').disabled = !ready;
    waiting.set(this, ready);
  }

  // The kind that was found is shown, and is not what somebody said.
  shownKind(kind) {
    const auto = this.form.elements.kind.querySelector('[value=auto]');
    const name = this.form.elements.kind.querySelector(`[value=${kind}]`);
    auto.textContent = name ? name.textContent : kind;
  }

  showColumns(report) {
    const columns = report.columns ?? [];
    const details = this.at('[data-columns]');
    details.hidden = columns.length === 0;
    details.open ||= report.needs.includes('mapping') || report.needs.includes('kind');
    this.at('[data-suggested]').hidden = !report.suggested_by;
    this.at('[data-columns] tbody').replaceChildren(...columns.map((column) => {
      const row = document.createElement('tr');
      const means = document.createElement('select');
      means.dataset.column = column.name;
      means.setAttribute('aria-label', column.name);
      means.append(new Option(say.import_kept, 'properties'), new Option(say.import_left_out, '-'),
        ...(report.fields ?? []).map((field) => new Option(field, field)));
      if (column.field && ![...means.options].some((option) => option.value === column.field)) {
        means.append(new Option(column.field, column.field));
      }
      means.value = column.field ?? 'properties';
      row.insertCell().textContent = column.name;
      row.insertCell().textContent = column.examples.join(' · ');
      row.insertCell().append(means);
      return row;
    }));
  }

  showExamples(records) {
    const shown = records.slice(0, 10);
    this.at('[data-examples]').hidden = shown.length === 0;
    const fields = [...new Set(shown.flatMap((record) => Object.keys(record)))];
    this.at('[data-examples] thead tr').replaceChildren(...fields.map((field) => {
      const head = document.createElement('th');
      head.textContent = field;
      return head;
    }));
    this.at('[data-examples] tbody').replaceChildren(...shown.map((record) => {
      const row = document.createElement('tr');
      for (const field of fields) {
        const text = written(record[field]);
        row.insertCell().textContent = text.length > 120 ? `${text.slice(0, 120)}…` : text;
      }
      return row;
    }));
  }

  showProblems(report) {
    const lines = [
      ...report.warnings,
      ...report.first_rejected.map((row) => fill(say.import_problem, { line: row.line, field: row.field, reason: row.reason })),
    ];
    const details = this.at('[data-problems]');
    details.hidden = lines.length === 0;
    details.querySelector('summary').textContent = fill(say.import_problems, { count: report.rejected.toLocaleString(language) });
    details.querySelector('ul').replaceChildren(...lines.map((line) => {
      const item = document.createElement('li');
      item.textContent = line;
      return item;
    }));
  }

  correct(field) {
    if (field.name === 'save') return;
    if (field.dataset.column) this.changed.set(field.dataset.column, field.value);
    if (field.name === 'kind') this.changed.clear();
    if (field.closest('[data-need]')) said[field.name] = field.value.trim();
    this.look();
  }

  async store() {
    // A guess is confirmed by saying it.
    if (this.report.needs.includes('mapping') && this.changed.size === 0) {
      const told = Object.entries(this.report.mapping);
      for (const [meant, column] of this.report.suggested_by ? told : told.slice(0, 1)) this.changed.set(column, meant);
      this.form.elements.kind.value = this.report.kind;
    }
    waiting.set(this, false);
    settle();
    try {
      const name = this.value('save');
      const report = await this.run(name ? { save: name } : {});
      waiting.delete(this);
      this.card.classList.add('done-upload');
      this.form.hidden = true;
      this.at('.deeds').hidden = true;
      this.at('[data-examples]').hidden = true;
      this.showProblems(report);
      const counts = { stored: report.accepted, unchanged: report.unchanged, bad: report.rejected };
      for (const key of Object.keys(counts)) counts[key] = counts[key].toLocaleString(language);
      this.at('[data-status]').textContent = fill(say.import_stored, counts);
      document.getElementById('next').hidden = false;
    } catch (error) {
      this.fail(error);
      this.at('[data-store]').disabled = false;
    }
    settle();
  }
}

function settle() {
  const ready = [...waiting.values()].filter(Boolean).length;
  document.getElementById('stored-all').hidden = ready < 2;
}

document.getElementById('store-all').addEventListener('click', async () => {
  for (const [upload, ready] of [...waiting]) if (ready) await upload.store();
});

for (const id of ['files', 'folder']) {
  const input = document.getElementById(id);
  input.addEventListener('change', () => {
    for (const file of input.files) take(file, file.webkitRelativePath || file.name);
    input.value = '';
  });
}

// What starts with a dot is the system's own.
function take(file, name) {
  if (!name.split('/').pop().startsWith('.')) new Upload(file, name);
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return take(file, entry.fullPath.replace(/^\//, ''));
  }
  const reader = entry.createReader();
  for (;;) {
    // A folder is read a hundred entries at a time.
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return undefined;
    for (const inner of entries) await walk(inner);
  }
}

const drop = document.getElementById('drop');
for (const name of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(name, (happened) => {
    happened.preventDefault();
    drop.classList.toggle('over', name === 'dragover');
  });
}
document.addEventListener('drop', async (dropped) => {
  const entries = [...dropped.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry);
});

addEventListener('beforeunload', (leaving) => { if ([...waiting.values()].some(Boolean)) leaving.preventDefault(); });
