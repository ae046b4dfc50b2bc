// The page: files come in, documents are listed, one is shown.
import {
  ApiError, adviceFor, call, callBlob, callJson, callText, documentPath, follow, hasKey, needsPassword, onKeyNeeded, requestKey,
  upload, withoutOptions, worthRetrying,
} from './api.js';
import { PageView } from './page_view.js';
import { element } from './safe_dom.js';

const $ = (id) => document.getElementById(id);
const POLL_MS = 1500;
const RUNNING = new Set(['queued', 'running']);
const TYPES = { md: 'text/markdown', json: 'application/json', html: 'text/html', pdf: 'application/pdf', zip: 'application/zip' };
const SAMPLE = { path: 'assets/samples/report.pdf', name: 'report.pdf', type: 'application/pdf' };
const ZOOMS = [1, 1.5, 2, 3];
const narrow = matchMedia('(max-width: 52rem)');

// id -> entry {id, name, status, pages, pages_done, error, file, progress, stop}. Files on their way up have an id of
// their own until the server has given them one. In the order in which they were added.
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

const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;
const pages = (n) => count(n, 'page');

function stateText(entry) {
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

const errorText = (error) =>
  withoutOptions(typeof error === 'string' ? error : error?.message ?? 'The document could not be read.');

// Of a document that is done: how long it took.
function speedText({ seconds, pages_done: n }) {
  if (!(seconds > 0) || !(n > 0)) return '';
  const rate = n / seconds;
  return ` in ${seconds < 100 ? seconds.toFixed(1) : Math.round(seconds)} s (${rate < 10 ? rate.toFixed(1) : Math.round(rate)} pages/s)`;
}

// When it was added: documents of one name are told apart by it.
function timeText(seconds) {
  const at = new Date(seconds * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat('en-GB', today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }).format(at);
}

// What the user should know of how the document was read: the job's warnings, and those of its pages.
function warningsOf(entry) {
  const found = new Map();
  const own = entry.id === shown ? views.flatMap((view) => (view.page.warnings ?? []).map((one) => ({ ...one, page: view.page.page }))) : [];
  for (const one of [...entry.warnings ?? [], ...own]) found.set(`${one.page || 0} ${one.message}`, { ...one, message: withoutOptions(one.message) });
  return [...found.values()].sort((a, b) => (a.page || 0) - (b.page || 0));
}

// ---- the list

function listText(entry) {
  const warnings = RUNNING.has(entry.status) ? [] : entry.warnings ?? [];
  return stateText(entry) + (warnings.length ? `, ${count(warnings.length, 'warning')}` : '')
    + (entry.created_at && !RUNNING.has(entry.status) ? ` · ${timeText(entry.created_at)}` : '');
}

function renderList() {
  const list = $('documents');
  const focusedId = document.activeElement?.closest?.('#documents li')?.dataset.id;
  const focusedClass = document.activeElement?.className;
  list.replaceChildren(...[...entries.values()].map((entry) => {
    const open = element('button', { type: 'button', class: 'open', 'aria-current': entry.id === shown ? 'true' : null },
      element('span', { class: 'name', title: entry.name }, entry.name),
      element('span', { class: `state ${entry.status}` }, listText(entry)));
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
  $('list-count').textContent = `(${entries.size})`;
  $('choose').textContent = empty ? 'Choose files' : 'Add files';
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
  const there = new Map(data.reverse().map((one) => [one.id, one]));
  const next = new Map();
  for (const [id, entry] of entries) {
    if (there.has(id)) next.set(id, { ...entry, ...there.get(id) });
    else if (entry.local || id === shown) next.set(id, entry);
  }
  for (const [id, one] of there) {
    if (!next.has(id)) next.set(id, one);
  }
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
  fields.formats = 'md,json,html,text,hocr,alto,pdf';
  return fields;
}

let queue = Promise.resolve();
function add(files) {
  const fields = fieldsOf();
  let first = null;
  for (const file of files) {
    uploads += 1;
    const entry = { id: `local-${uploads}`, local: true, name: file.name || 'pasted picture', status: 'waiting', progress: 0, file, fields };
    entries.set(entry.id, entry);
    first ??= entry.id;
    queue = queue.then(() => sendEntry(entry));
  }
  renderList();
  if (first !== null) show(first, { reveal: true });
}

async function trySample() {
  add([new File([await callBlob(SAMPLE.path)], SAMPLE.name, { type: SAMPLE.type })]);
}

function replaceEntry(id, one) {
  const wasShown = shown === id;
  entries = new Map([...entries].map(([key, old]) => (key === id ? [one.id, one] : [key, old])));
  renderList();
  if (wasShown) show(one.id);
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
    replaceEntry(entry.id, one);
    announce(`${one.name} is being read.`);
    poll();
  } catch (error) {
    if (error.name === 'AbortError') {
      entry.status = 'cancelled';
    } else {
      entry.status = 'failed';
      entry.error = { message: error.message, code: error.code, advice: error.advice, final: !worthRetrying(error) };
    }
    changed(entry);
  }
}

function changed(entry) {
  renderList();
  if (shown === entry.id) renderBar();
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;

// What never reached the server is sent again; of all else the server still has the file.
async function again(entry, fields) {
  if (!entry.local) {
    const one = await callJson(documentPath(entry.id, '/reread'), { method: 'POST', json: fields });
    call(documentPath(entry.id), { method: 'DELETE' }).catch(() => {});
    replaceEntry(entry.id, one);
    poll();
    return;
  }
  const fresh = { ...entry, fields, id: `local-${uploads += 1}`, status: 'waiting', progress: 0, error: null };
  replaceEntry(entry.id, fresh);
  queue = queue.then(() => sendEntry(fresh));
}

// ---- the document that is shown

let stream = null;
let views = [];
let view = 'text';  // or 'markdown', 'json'
let zoom = 0;  // index into ZOOMS
let shownJson = null;  // a promise of the shown document's JSON
const near = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (one.isIntersecting) views.find((other) => other.root === one.target)?.load();
  }
}, { rootMargin: '800px 0px' });

function clearPages() {
  stream?.abort();
  stream = null;
  for (const one of views) {
    near.unobserve(one.root);
    one.close();
  }
  views = [];
  shownJson = null;
  $('pages').replaceChildren();
}

// `reveal`: where the list and the document do not fit beside each other, the document comes into view.
function show(id, { move = false, reveal = move } = {}) {
  clearPages();
  shown = entries.has(id) ? id : null;
  const entry = entries.get(shown);
  history.replaceState(null, '', entry && !entry.local ? `#${encodeURIComponent(id)}` : location.pathname + location.search);
  $('reader').hidden = shown === null;
  renderList();
  if (shown === null) return;
  renderBar();
  if (move) $('reader').focus({ preventScroll: true });
  if (reveal && narrow.matches) {
    $('list-box').open = false;
    $('reader').scrollIntoView();
  } else if (move) {
    scrollTo(0, 0);
  }
  if (!entry.local) followShown(id);
}

function pageJson(number) {
  const entry = entries.get(shown);
  if (!hasResult(entry) || !(entry.formats ?? ['json']).includes('json')) return null;
  shownJson ??= callJson(documentPath(shown, '/result?format=json'));
  return shownJson.then((made) => made.pages?.find((one) => one.page === number) ?? null);
}

function setView(to) {
  view = to;
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    const on = tab.dataset.view === view;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    if (on) $('pages').setAttribute('aria-labelledby', tab.id);
  }
  for (const one of views) one.setView(view, pageJson);
  renderBar();
}

// The page that is read now: the last that begins above the middle of the window.
function pageInView() {
  const middle = innerHeight / 2;
  return (views.findLast((one) => one.root.getBoundingClientRect().top <= middle) ?? views[0])?.page.page ?? 1;
}

function renderPageNumber() {
  const input = $('page-number');
  if (document.activeElement !== input) input.value = String(pageInView());
  const at = views.findIndex((one) => one.page.page === Number(input.value));
  $('page-back').disabled = at <= 0;
  $('page-on').disabled = at < 0 || at >= views.length - 1;
}

function goToPage(number) {
  if (!views.length) return;
  const to = views.findLast((one) => one.page.page <= number) ?? views[0];
  $('page-number').value = String(to.page.page);
  to.root.scrollIntoView();
  // Pages on the way have their real height only now.
  requestAnimationFrame(() => to.root.scrollIntoView());
}

function setZoom(to) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, to));
  $('pages').style.setProperty('--zoom', String(ZOOMS[zoom]));
  $('pages').classList.toggle('zoomed', zoom > 0);
  $('zoom-now').textContent = `${ZOOMS[zoom] * 100} %`;
  $('zoom-out').disabled = zoom === 0;
  $('zoom-in').disabled = zoom === ZOOMS.length - 1;
  for (const one of views) one.setZoomed(zoom > 0);
}

function placePage(page) {
  const old = views.findIndex((one) => one.page.page === page.page);
  if (old >= 0) {
    near.unobserve(views[old].root);
    views[old].close();
    views.splice(old, 1);
  }
  const made = new PageView(shown, page);
  const after = views.findIndex((other) => other.page.page > page.page);
  if (after < 0) {
    views.push(made);
    $('pages').append(made.root);
  } else {
    $('pages').insertBefore(made.root, views[after].root);
    views.splice(after, 0, made);
  }
  made.setView(view, pageJson);
  made.setZoomed(zoom > 0);
  if ($('show-confidence').checked) made.shadeWords();
  near.observe(made.root);
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
          show([...entries.keys()].at(-1));
          return;
        }
        put(data);
        changed(entries.get(id));
        if (name === 'done' && view === 'json') setView(view);
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
  $('doc-state').textContent = stateText(entry) + (hasResult(entry) ? speedText(entry) : '');
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
  const ended = hasResult(entry);
  const going = RUNNING.has(entry.status) || entry.status === 'uploading' || entry.status === 'waiting';
  $('downloads').hidden = !ended;
  for (const button of $('downloads').querySelectorAll('button')) {
    button.hidden = entry.formats !== undefined && button.dataset.format !== 'zip' && !entry.formats.includes(button.dataset.format);
  }
  $('copy').hidden = !ended && views.length === 0;
  $('cancel').hidden = !going;
  $('tools').hidden = views.length === 0;
  $('shade').hidden = view !== 'text';
  $('reader').classList.toggle('confidence', view === 'text' && $('show-confidence').checked);
  $('legend').hidden = views.length === 0 || view !== 'text' || !$('show-confidence').checked;
  $('jump').hidden = views.length < 2;
  $('page-count').textContent = `of ${entry.pages ?? views.length}`;
  if (views.length) renderPageNumber();
  renderWarnings(entry);
  renderProblem(entry);
}

const hasResult = (entry) => entry.status === 'succeeded' || entry.status === 'partial';

function renderWarnings(entry) {
  const all = warningsOf(entry);
  const host = $('warnings');
  const state = JSON.stringify([entry.id, all]);
  if (host.dataset.state === state) return;
  host.dataset.state = state;
  host.hidden = all.length === 0;
  host.open = all.length <= 3;
  $('warnings-title').textContent = count(all.length, 'warning');
  $('warnings-list').replaceChildren(...all.map(({ page, message }) => {
    if (!page) return element('li', {}, message);
    const go = element('button', { type: 'button', class: 'link' }, `Page ${page}`);
    go.addEventListener('click', () => goToPage(page));
    return element('li', {}, go, `: ${message}`);
  }));
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
  const locked = needsPassword(entry.error.code ?? '', message);
  const box = element('div', { class: 'problem' },
    element('p', { class: 'problem-what' }, message), advice ? element('p', {}, advice) : null);
  const form = element('form', { class: 'problem-actions' });
  let password = null;
  if (locked) {
    password = element('input', { type: 'password', autocomplete: 'off', id: 'again-password', required: true });
    form.append(element('label', { for: 'again-password' }, 'Password'), password);
  }
  if (!entry.error.final) form.append(element('button', { type: 'submit' }, 'Try again'));
  const remove = element('button', { type: 'button' }, 'Remove');
  remove.addEventListener('click', guarded(() => removeEntry(entry)));
  form.append(remove);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    guarded(() => again(entry, { ...fieldsOf(), ...(password ? { password: password.value } : {}) }))();
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
    show([...entries.keys()].at(-1));
  } else {
    renderList();
  }
  ($('documents').querySelector('.open') ?? $('files')).focus();
}

async function copyMarkdown() {
  const entry = entries.get(shown);
  const text = hasResult(entry) && (entry.formats ?? ['md']).includes('md') ? await callText(documentPath(shown, '/result?format=md'))
    : views.map((one) => one.page.markdown ?? '').join('\n\n');
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

const short = (n) => (n >= 1e8 ? `${(n / 1e9).toFixed(1)} B` : `${Math.max(1, Math.round(n / 1e6))} M`);

function renderModel(model = {}) {
  const size = model.parameters ? `${short(model.parameters)} parameters` : '';
  $('model').hidden = !model.id || Boolean(model.demonstration);
  $('model').textContent = [model.id, size].filter(Boolean).join(', ');
  $('demonstration').hidden = !model.demonstration;
  $('demonstration').replaceChildren(
    `Starter model${size ? `, ${size}` : ''}: a demonstration that reads printed Latin text. Start the server with `,
    element('code', {}, '--model'), ' to use GLM-OCR.');
}

// In the words of a reader of documents; what the server cannot do is not offered. The first is what it does unasked.
function renderOptions({ model = {}, tasks = [], layouts = [], text_layers: layers = [] }) {
  const lines = model.reads === 'lines';
  const network = layouts.includes('pp-doclayout-v3');
  const offer = (id, all, there) => $(id).replaceChildren(...all.filter(([value]) => !value || there.includes(value))
    .map(([value, text]) => element('option', { value }, text)));
  offer('opt-text_layer', layers.includes('auto')
    ? [['', 'Use it where it says what the page shows'], ['off', 'Do not use it, read the page'], ['prefer', 'Use it where it looks good'],
      ['compare', 'Read the page and compare'], ['replace', 'Read the page, and replace hidden text in the PDF']]
    : [['', 'Do not use it, read the page'], ['prefer', 'Use it where it looks good'], ['compare', 'Read the page and compare'],
      ['replace', 'Read the page, and replace hidden text in the PDF']], layers);
  offer('opt-layout', [['', 'Find them'], ['geometric', network ? 'Find them without the layout model' : ''], ['lines', 'One column of lines'],
    ['none', lines ? '' : 'Read the page in one piece']].filter(([, text]) => text), layouts);
  offer('opt-task', [['', 'What it is'], ['text', 'Text'], ['table', 'A table'], ['formula', 'A formula']], tasks);
  $('task-field').hidden = !tasks.some((task) => task !== 'auto' && task !== 'text');
}

async function start() {
  const capabilities = await callJson('capabilities').catch((error) => {
    if (error.status === 404) return {};  // a server that does not tell
    throw error;
  });
  limits = capabilities.limits ?? {};
  renderModel(capabilities.model);
  renderOptions(capabilities);
  await refresh();
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (shown === null && entries.size) show(entries.has(wanted) ? wanted : [...entries.keys()].at(-1));
  poll();
}

setUpFiles();
setUpTheme();
setUpKey();
$('show-confidence').addEventListener('change', () => {
  for (const one of views) one.shadeWords();
  renderBar();
});
$('copy').addEventListener('click', guarded(copyMarkdown));
$('cancel').addEventListener('click', guarded(cancel));
for (const button of $('downloads').querySelectorAll('button')) {
  button.addEventListener('click', guarded(() => download(button.dataset.format)));
}
$('sample').addEventListener('click', guarded(trySample));
for (const tab of document.querySelectorAll('[role="tab"]')) {
  tab.addEventListener('click', () => setView(tab.dataset.view));
  tab.addEventListener('keydown', (event) => {
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    const at = tabs.indexOf(tab);
    const to = { ArrowRight: (at + 1) % tabs.length, ArrowLeft: (at + tabs.length - 1) % tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setView(tabs[to].dataset.view);
    tabs[to].focus();
  });
}
$('jump').addEventListener('submit', (event) => {
  event.preventDefault();
  goToPage(Number.parseInt($('page-number').value, 10) || 1);
});
$('page-number').addEventListener('blur', renderPageNumber);
$('page-back').addEventListener('click', () => goToPage(Number($('page-number').value) - 1));
$('page-on').addEventListener('click', () => goToPage(views.find((one) => one.page.page > Number($('page-number').value))?.page.page ?? 1));
$('zoom-out').addEventListener('click', () => setZoom(zoom - 1));
$('zoom-in').addEventListener('click', () => setZoom(zoom + 1));
setZoom(0);
let scrolled = false;
addEventListener('scroll', () => {
  if (scrolled) return;
  scrolled = true;
  requestAnimationFrame(() => {
    scrolled = false;
    if (views.length) renderPageNumber();
  });
}, { passive: true });
const fold = () => {
  $('list-box').open = !narrow.matches;
};
narrow.addEventListener('change', fold);
fold();
// Pictures stick below the bar, however high it is.
new ResizeObserver(([bar]) => {
  document.documentElement.style.setProperty('--bar-height', `${Math.ceil(bar.borderBoxSize[0].blockSize)}px`);
}).observe($('bar'));
renderList();
guarded(start)();
