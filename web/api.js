// The server's document API: keys, uploads with progress, streams of events, errors in words.

const KEY = 'glm-ocr-key';
let key = null;
try {
  key = sessionStorage.getItem(KEY);
} catch {
  // Storage may be forbidden; the key is asked for again after a reload.
}
let asking = null;
let askForKey = () => Promise.resolve(null);

// `ask(why)` shows a form and resolves to the key, or to null.
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export function hasKey() {
  return key !== null;
}

function keep(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // as above
  }
}

// One question for all requests that wait. True: there is a key to try.
export async function requestKey(refused) {
  asking ??= askForKey(refused).finally(() => {
    asking = null;
  });
  const answer = await asking;
  if (answer === null) return false;
  keep(answer);
  return true;
}

// What went wrong, for people: `message` says what, `advice` what to do about it.
export class ApiError extends Error {
  constructor(message, { status = 0, code = '', advice = '', param = '' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.advice = advice;
    this.param = param;
  }
}

// A message of the program without what it says to those who type commands: "(option --password; ...)".
export function withoutOptions(message) {
  return message.replace(/\s*\([^()]*--[a-z][^()]*\)/g, '');
}

export function adviceFor(status, code, message, param = '') {
  if (needsPassword(code, message)) return 'Enter its password and try again.';
  if (status === 400) return param && param !== 'file' ? 'Change the options and try again.' : 'Choose another file.';
  if (status === 415) return 'Choose another file.';
  if (status === 401) return 'Enter a valid API key.';
  if (status === 404) return 'It may have been removed. Add the document again.';
  if (status === 413) return 'Split the document, or ask for fewer pixels or pages, or raise the limit of the server.';
  if (status === 429) return 'The server is busy. Wait a moment, then try again.';
  if (status === 507) return 'The server has no room left. Remove documents that are done.';
  if (status >= 500) return 'Try again. If it stays so, the log of the server tells more.';
  if (status === 0) return 'Check that the server runs and can be reached, then try again.';
  return '';
}

// Whether sending the same once more could end otherwise.
export function worthRetrying({ status, param }) {
  return !(status === 413 || status === 415 || (status === 400 && (!param || param === 'file')));
}

export function needsPassword(code, message) {
  return /password/i.test(`${code} ${message}`);
}

function errorOf(status, text) {
  let message = '';
  let code = '';
  let param = '';
  try {
    const { error } = JSON.parse(text);
    param = error?.param ?? '';
    message = typeof error === 'string' ? error : error?.message ?? '';
    code = typeof error === 'string' ? '' : error?.code ?? '';
  } catch {
    // not ours: a proxy's page, say
  }
  if (!message) message = status ? `The server answered ${status}.` : 'The server does not answer.';
  return new ApiError(withoutOptions(message), { status, code, param, advice: adviceFor(status, code, message, param) });
}

const headers = (more = {}) => (key === null ? more : { ...more, Authorization: `Bearer ${key}` });

// A Response that is ok, or an ApiError. Asks for a key where one is needed.
export async function call(path, { method = 'GET', signal, more, json } = {}) {
  const all = json === undefined ? more : { ...more, 'Content-Type': 'application/json' };
  for (;;) {
    const used = key;
    let response;
    try {
      response = await fetch(path, {
        method, signal, headers: headers(all), cache: 'no-store', credentials: 'omit', body: json === undefined ? undefined : JSON.stringify(json),
      });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw errorOf(0, '');
    }
    if (response.ok) return response;
    const problem = errorOf(response.status, await response.text().catch(() => ''));
    // Another request may have asked meanwhile.
    if (response.status === 401 && (used !== key || await requestKey(used !== null))) continue;
    throw problem;
  }
}

export const callJson = async (path, options) => (await call(path, options)).json();
export const callBlob = async (path, options) => (await call(path, options)).blob();
export const callText = async (path, options) => (await call(path, options)).text();

export const documentPath = (id, rest = '') => `v1/documents/${encodeURIComponent(id)}${rest}`;

// POST v1/documents. XMLHttpRequest, because fetch tells nothing of an upload's progress.
export async function upload(file, fields, { onProgress, signal } = {}) {
  for (;;) {
    const used = key;
    const { status, text } = await send(file, fields, onProgress, signal);
    if (status === 200 || status === 202) return JSON.parse(text);
    if (status === 401 && (used !== key || await requestKey(used !== null))) continue;
    throw errorOf(status, text);
  }
}

function send(file, fields, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', file, file.name);
    const request = new XMLHttpRequest();
    request.open('POST', 'v1/documents');
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    };
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () => resolve({ status: 0, text: '' });
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}

// Server-sent events over fetch, since EventSource cannot send a key. Yields {event, data, id}.
async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      for (;;) {
        const end = /\r?\n\r?\n/.exec(rest);
        if (!end) break;
        const event = { event: 'message', data: '', id: null };
        for (const line of rest.slice(0, end.index).split(/\r?\n/)) {
          const [, field, text] = /^([^:]*):? ?(.*)$/.exec(line);
          if (field === 'event') event.event = text;
          else if (field === 'data') event.data += event.data ? `\n${text}` : text;
          else if (field === 'id') event.id = text;
        }
        rest = rest.slice(end.index + end[0].length);
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener('abort', () => {
    clearTimeout(timer);
    reject(new DOMException('cancelled', 'AbortError'));
  });
});

// Calls `onEvent(name, object)` for each event of the document until it is done; a stream that is cut is taken up
// again after its last event.
export async function follow(id, onEvent, { signal, onBreak } = {}) {
  let last = null;
  for (let failures = 0; ;) {
    try {
      const response = await call(documentPath(id, '/events'), {
        signal, more: { Accept: 'text/event-stream', ...(last === null ? {} : { 'Last-Event-ID': last }) },
      });
      for await (const event of readEvents(response)) {
        failures = 0;
        if (event.id !== null) last = event.id;
        onEvent(event.event, JSON.parse(event.data));
        if (event.event === 'done') return;
      }
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
    }
    failures += 1;
    onBreak?.(failures);
    await pause(Math.min(15000, 500 * 2 ** failures), signal);
  }
}
