// The page: files come in, documents are listed, one is shown.
import {
  ApiError, adviceFor, call, callBlob, callJson, callText, documentPath, follow, hasKey, needsPassword, onKeyNeeded, requestKey,
  upload,
} from './api.js';
import { PageView } from './page_view.js';
import { element } from './safe_dom.js';

const $ = (id) => document.getElementById(id);
const POLL_MS = 1500;
const RUNNING = new Set(['queued', 'running']);
const TYPES = { md: 'text/markdown', json: 'application/json', html: 'text/html', pdf: 'application/pdf' };

// id -> entry {id, name, status, pages, pages_done, error, file, progress, stop}. Files on their way up have an id of
// their own until the server has given them one. The newest come first.
let entries = new Map();
let shown = null;  // id
let limits = {};
let uploads = 0;

// ---- words

function announce(text) {
  $('announce').textContent = text;
}

function notice(error) {
  const close = element('button', { type: 'button', class: 'quiet' }, 'Dismiss');
  const made = element('div', { class: 'notice' },
    element('p', {}, element('strong', {}, error.message), error.advice ? ` ${error.advice}` : ''), close);
  close.addEventListener('click', () => made.remove());
  $('notices').append(made);
}

// For what a button starts: an error becomes a notice.
const guarded = (work) => async (...values) => {
  try {
    await work(...values);
  } catch (error) {
    if (error.name === 'AbortError') return;
    notice(error instanceof ApiError ? error : new ApiError('Something went wrong in this page.', { advice: 'Reload it.' }));
    if (!(error instanceof ApiError)) throw error;
  }
};

function stateText(entry) {
  const pages = (n) => (n === 1 ? '1 page' : `${n} pages`);
  switch (entry.status) {
    case 'waiting': return 'Waiting to be sent';
    case 'uploading': return entry.progress >= 1 ? 'Sent, waiting for the server' : `Sending, ${Math.round(entry.progress * 100)} %`;
    case 'queued': return 'Waiting its turn';
    case 'running': return entry.pages ? `Reading, ${entry.pages_done} of ${pages(entry.pages)}` : 'Reading';
    case 'succeeded': return `Done, ${pages(entry.pages ?? entry.pages_done)}`;
    case 'partial': return `Done, ${entry.pages_failed ?? 'some'} of ${pages(entry.pages ?? entry.pages_done)} not fully read`;
    case 'cancelled': return entry.pages_done ? `Cancelled after ${pages(entry.pages_done)}` : 'Cancelled';
    case 'failed': return 'Failed';
    default: return String(entry.status);
  }
}

const errorText = (error) => (typeof error === 'string' ? error : error?.message ?? 'The document could not be read.');

// ---- the list

function renderList() {
  const list = $('documents');
  const focusedId = document.activeElement?.closest?.('#documents li')?.dataset.id;
  const focusedClass = document.activeElement?.className;
  list.replaceChildren(...[...entries.values()].map((entry) => {
    const open = element('button', { type: 'button', class: 'open', 'aria-current': entry.id === shown ? 'true' : null },
      element('span', { class: 'name' }, entry.name), element('span', { class: `state ${entry.status}` }, stateText(entry)));
    open.addEventListener('click', () => show(entry.id, { move: true }));
    const bar = progressOf(entry);
    const remove = element('button', { type: 'button', class: 'remove quiet', 'aria-label': `Remove ${entry.name}`, title: 'Remove' }, '×');
    remove.addEventListener('click', guarded(() => removeEntry(entry)));
    return element('li', { 'data-id': entry.id }, open, remove, bar);
  }));
  if (focusedId !== undefined) {
    [...list.children].find((li) => li.dataset.id === focusedId)?.querySelector(`button.${focusedClass.split(' ')[0]}`)?.focus();
  }
  const empty = entries.size === 0;
  $('list').hidden = empty;
  $('shell').classList.toggle('empty', empty);
  $('skip').hidden = empty;
}

function progressOf(entry) {
  if (entry.status === 'uploading') return element('progress', { max: 1, value: entry.progress, 'aria-label': `Sending ${entry.name}` });
  if (entry.status !== 'running' && entry.status !== 'queued') return null;
  return element('progress', {
    max: entry.pages ?? 1, value: entry.pages ? entry.pages_done : null, 'aria-label': `Reading ${entry.name}`,
  });
}

function put(one) {
  entries.set(one.id, { ...entries.get(one.id), ...one });
}

let polling = null;
async function refresh() {
  const { data } = await callJson('v1/documents?limit=100');
  const local = [...entries.values()].filter((entry) => entry.local);
  const next = new Map(local.map((entry) => [entry.id, entry]));
  for (const one of data) next.set(one.id, { ...entries.get(one.id), ...one });
  if (shown !== null && !next.has(shown) && entries.has(shown)) next.set(shown, entries.get(shown));
  entries = next;
  renderList();
  if (shown !== null) renderBar();
}

// The list is asked for again while anything in it goes on.
function poll() {
  if (polling !== null) return;
  polling = setTimeout(async () => {
    polling = null;
    try {
      await refresh();
    } catch {
      // the next turn tries again
    }
    if ([...entries.values()].some((entry) => RUNNING.has(entry.status))) poll();
  }, POLL_MS);
}

// ---- uploads, one at a time

function fieldsOf() {
  const fields = {};
  for (const name of ['pages', 'text_layer', 'layout', 'task', 'password']) {
    const value = $(`opt-${name}`).value.trim();
    if (value) fields[name] = value;
  }
  fields.formats = 'md,json,html,pdf';
  return fields;
}

let queue = Promise.resolve();
function add(files) {
  const fields = fieldsOf();
  for (const file of files) {
    uploads += 1;
    const entry = { id: `local-${uploads}`, local: true, name: file.name || 'pasted picture', status: 'waiting', progress: 0, file, fields };
    entries = new Map([[entry.id, entry], ...entries]);
    queue = queue.then(() => sendEntry(entry));
  }
  renderList();
  show(entries.keys().next().value);
}

async function sendEntry(entry) {
  if (!entries.has(entry.id) || entry.status !== 'waiting') return;  // removed or cancelled meanwhile
  entry.status = 'uploading';
  entry.error = null;
  entry.stop = new AbortController();
  changed(entry);
  try {
    const most = limits.max_upload_bytes;
    if (most && entry.file.size > most) {
      throw new ApiError(`This file has ${megabytes(entry.file.size)}; the server takes ${megabytes(most)}.`,
        { status: 413, advice: adviceFor(413, '', '') });
    }
    const made = await upload(entry.file, entry.fields, {
      signal: entry.stop.signal,
      onProgress(share) {
        entry.progress = share;
        changed(entry);
      },
    });
    const one = made.data?.[0] ?? made;
    const wasShown = shown === entry.id;
    entries = new Map([...entries].map(([id, old]) => (id === entry.id ? [one.id, { ...one, file: entry.file, fields: entry.fields }] : [id, old])));
    renderList();
    announce(`${one.name} is being read.`);
    if (wasShown) show(one.id);
    poll();
  } catch (error) {
    if (error.name === 'AbortError') {
      entry.status = 'cancelled';
    } else {
      entry.status = 'failed';
      entry.error = { message: error.message, code: error.code, advice: error.advice };
    }
    changed(entry);
  }
}

function changed(entry) {
  renderList();
  if (shown === entry.id) renderBar();
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;

function again(entry) {
  entries.delete(entry.id);
  const fresh = { ...entry, id: `local-${uploads += 1}`, local: true, status: 'waiting', progress: 0, error: null };
  entries = new Map([[fresh.id, fresh], ...entries]);
  if (!entry.local) call(documentPath(entry.id), { method: 'DELETE' }).catch(() => {});
  queue = queue.then(() => sendEntry(fresh));
  renderList();
  show(fresh.id);
}

// ---- the document that is shown

let stream = null;
let views = [];
const near = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (one.isIntersecting) views.find((view) => view.root === one.target)?.load();
  }
}, { rootMargin: '800px 0px' });

function clearPages() {
  stream?.abort();
  stream = null;
  for (const view of views) {
    near.unobserve(view.root);
    view.close();
  }
  views = [];
  $('pages').replaceChildren();
}

function show(id, { move = false } = {}) {
  clearPages();
  shown = entries.has(id) ? id : null;
  $('reader').hidden = shown === null;
  renderList();
  if (shown === null) return;
  renderBar();
  if (move) $('reader').focus();
  const entry = entries.get(id);
  if (!entry.local) followShown(id);
}

function placePage(page) {
  const old = views.findIndex((view) => view.page.page === page.page);
  if (old >= 0) {
    near.unobserve(views[old].root);
    views[old].close();
    views.splice(old, 1);
  }
  const view = new PageView(shown, page);
  const after = views.findIndex((other) => other.page.page > page.page);
  if (after < 0) {
    views.push(view);
    $('pages').append(view.root);
  } else {
    $('pages').insertBefore(view.root, views[after].root);
    views.splice(after, 0, view);
  }
  near.observe(view.root);
}

async function followShown(id) {
  const mine = new AbortController();
  stream = mine;
  try {
    await follow(id, (name, data) => {
      if (name === 'page') {
        placePage(data);
        const entry = entries.get(id);
        entry.pages_done = Math.max(entry.pages_done ?? 0, views.length);
        entry.pages ??= data.n_pages;
        changed(entry);
        if (RUNNING.has(entry.status)) announce(`Page ${data.page} of ${data.n_pages} is read.`);
      } else if (name === 'status' || name === 'done') {
        const before = entries.get(id)?.status;
        if (data.status === 'deleted') {  // elsewhere
          entries.delete(id);
          show(entries.keys().next().value);
          return;
        }
        put(data);
        changed(entries.get(id));
        if (name === 'done' && RUNNING.has(before)) announce(`${data.name}: ${stateText(entries.get(id))}.`);
      }
    }, { signal: mine.signal });
  } catch (error) {
    if (error.name !== 'AbortError') notice(error);
  }
}

function renderBar() {
  const entry = entries.get(shown);
  if (!entry) return;
  $('doc-title').textContent = entry.name;
  $('doc-state').textContent = stateText(entry);
  document.title = `${entry.name} – GLM-OCR`;
  const progress = $('doc-progress');
  const made = progressOf(entry);
  progress.hidden = made === null;
  if (made) {
    progress.max = made.max;
    if (made.hasAttribute('value')) progress.value = made.value;
    else progress.removeAttribute('value');
    progress.setAttribute('aria-label', made.getAttribute('aria-label'));
  }
  const ended = entry.status === 'succeeded' || entry.status === 'partial';
  const going = RUNNING.has(entry.status) || entry.status === 'uploading' || entry.status === 'waiting';
  $('downloads').hidden = !ended;
  for (const button of $('downloads').querySelectorAll('button')) {
    button.hidden = entry.formats !== undefined && !entry.formats.includes(button.dataset.format);
  }
  $('copy').hidden = !ended && views.length === 0;
  $('cancel').hidden = !going;
  $('shade').hidden = views.length === 0;
  $('legend').hidden = views.length === 0 || !$('show-confidence').checked;
  renderProblem(entry);
}

function renderProblem(entry) {
  const host = $('problem');
  const failed = entry.error && !RUNNING.has(entry.status) && entry.status !== 'uploading' && entry.status !== 'waiting';
  const message = failed ? errorText(entry.error) : '';
  const state = `${entry.id} ${message}`;
  if (host.dataset.state === state) return;  // what is being typed stays
  host.dataset.state = state;
  host.replaceChildren();
  if (!failed) return;
  const advice = entry.error.advice ?? adviceFor(null, '', message);
  const box = element('div', { class: 'problem' },
    element('p', { class: 'problem-what' }, message), advice ? element('p', {}, advice) : null);
  const form = element('form', { class: 'problem-actions' });
  let password = null;
  if (entry.file && needsPassword(entry.error.code ?? '', message)) {
    password = element('input', { type: 'password', autocomplete: 'off', id: 'again-password', required: true });
    form.append(element('label', { for: 'again-password' }, 'Password'), password);
  }
  if (entry.file) form.append(element('button', { type: 'submit' }, 'Try again'));
  else form.append(element('p', { class: 'hint' }, 'Add the file once more to try again.'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    again({ ...entry, fields: { ...fieldsOf(), ...(password ? { password: password.value } : {}) } });
  });
  box.append(form);
  host.append(box);
}

// ---- what can be done with it

const ask = (dialog, form, cancel) => new Promise((resolve) => {
  const end = (answer) => {
    form.onsubmit = null;
    cancel.onclick = null;
    dialog.onclose = null;
    if (dialog.open) dialog.close();
    resolve(answer);
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    end(true);
  };
  cancel.onclick = () => end(false);
  dialog.onclose = () => end(false);  // the Escape key
  dialog.showModal();
});

async function removeEntry(entry) {
  if (entry.local) {
    entry.stop?.abort();
  } else {
    $('confirm-text').textContent = `${entry.name} and what was read from it are deleted from the server.`;
    if (!await ask($('confirm-dialog'), $('confirm-form'), $('confirm-no'))) return;
    await call(documentPath(entry.id), { method: 'DELETE' }).catch((error) => {
      if (error.status !== 404) throw error;
    });
  }
  entries.delete(entry.id);
  announce(`${entry.name} is removed.`);
  if (shown === entry.id) {
    document.title = 'GLM-OCR';
    show(entries.keys().next().value);
  } else {
    renderList();
  }
  ($('documents').querySelector('.open') ?? $('files')).focus();
}

async function copyMarkdown() {
  const entry = entries.get(shown);
  const done = entry.status === 'succeeded' || entry.status === 'partial';
  const text = done && (entry.formats ?? ['md']).includes('md') ? await callText(documentPath(shown, '/result?format=md'))
    : views.map((view) => view.page.markdown ?? '').join('\n\n');
  await toClipboard(text);
  const button = $('copy');
  button.textContent = 'Copied';
  announce('Markdown copied.');
  setTimeout(() => {
    button.textContent = 'Copy Markdown';
  }, 2000);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Only pages from https or this machine have a clipboard.
    const area = element('textarea', { class: 'visually-hidden', 'aria-hidden': 'true', tabindex: -1 });
    area.value = text;
    const back = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    back?.focus();
    if (!copied) throw new ApiError('The browser does not let this page copy.', { advice: 'Download the Markdown instead.' });
  }
}

async function download(format) {
  const blob = await callBlob(documentPath(shown, `/result?format=${encodeURIComponent(format)}`));
  const name = `${entries.get(shown).name.replace(/\.[^.]*$/, '') || 'document'}.${format}`;
  const url = URL.createObjectURL(new Blob([blob], { type: TYPES[format] }));
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

async function cancel() {
  const entry = entries.get(shown);
  if (entry.local) {
    entry.stop?.abort();
    entry.status = 'cancelled';
    changed(entry);
    return;
  }
  await call(documentPath(entry.id, '/cancel'), { method: 'POST' });
  await refresh();
}

// ---- wiring

function setUpFiles() {
  const drop = $('upload');
  $('files').addEventListener('change', () => {
    const { files } = $('files');
    if (files.length) add(files);
    $('files').value = '';
  });
  drop.addEventListener('submit', (event) => event.preventDefault());
  let depth = 0;
  const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes('Files');
  const over = (on) => document.body.classList.toggle('dropping', on);
  addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    over(true);
  });
  addEventListener('dragleave', (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) over(false);
  });
  addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    add(event.dataTransfer.files);
  });
  addEventListener('paste', (event) => {
    const { files } = event.clipboardData ?? {};
    if (!files?.length) return;
    event.preventDefault();
    add(files);
  });
}

function setUpTheme() {
  const select = $('theme');
  select.value = document.documentElement.dataset.theme ?? 'auto';
  select.addEventListener('change', () => {
    if (select.value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = select.value;
    try {
      if (select.value === 'auto') localStorage.removeItem('glm-ocr-theme');
      else localStorage.setItem('glm-ocr-theme', select.value);
    } catch {
      // holds until the page is closed
    }
  });
}

function setUpKey() {
  onKeyNeeded(async (refused) => {
    $('key-why').textContent = refused ? 'The server refused that key. Try another; it is kept until this tab is closed.'
      : 'This server asks for a key. It is kept until this tab is closed.';
    $('key-input').value = '';
    const given = await ask($('key-dialog'), $('key-form'), $('key-cancel'));
    $('change-key').hidden = false;
    return given && $('key-input').value ? $('key-input').value : null;
  });
  $('change-key').addEventListener('click', guarded(async () => {
    if (await requestKey(false)) await start();
  }));
  $('change-key').hidden = !hasKey();
}

async function start() {
  const capabilities = await callJson('capabilities').catch((error) => {
    if (error.status === 404) return {};  // a server that does not tell
    throw error;
  });
  limits = capabilities.limits ?? {};
  for (const option of [...$('opt-task').options]) {
    option.disabled = Boolean(option.value && capabilities.tasks && !capabilities.tasks.includes(option.value));
  }
  const layout = $('opt-layout');
  while (layout.options.length > 1) layout.options[1].remove();
  for (const one of capabilities.layouts ?? []) {
    const name = typeof one === 'string' ? one : one.name ?? one.id;
    if (name && name !== 'auto') layout.append(element('option', { value: name }, name));
  }
  await refresh();
  if (shown === null && entries.size) show(entries.keys().next().value);
  poll();
}

setUpFiles();
setUpTheme();
setUpKey();
$('show-confidence').addEventListener('change', () => {
  $('reader').classList.toggle('confidence', $('show-confidence').checked);
  renderBar();
});
$('copy').addEventListener('click', guarded(copyMarkdown));
$('cancel').addEventListener('click', guarded(cancel));
for (const button of $('downloads').querySelectorAll('button')) {
  button.addEventListener('click', guarded(() => download(button.dataset.format)));
}
// Pictures stick below the bar, however high it is.
new ResizeObserver(([bar]) => {
  document.documentElement.style.setProperty('--bar-height', `${Math.ceil(bar.borderBoxSize[0].blockSize)}px`);
}).observe($('bar'));
renderList();
guarded(start)();
