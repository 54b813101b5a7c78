// What knows the API's routes. A failure is thrown as its problem document.

const BASE = new URL('.', document.baseURI);

/** What lives as long as this tab, and nowhere else.
 * @type {{ key: string, adminKey: string, status: KnownStatus, upload: any }} */
export const session = { key: '', adminKey: '', status: {}, upload: null };

export class Problem extends Error {
  constructor(document, status) {
    super(document.error);
    this.error = document.error;
    this.code = document.code;
    this.request_id = document.request_id;
    this.details = document.details ?? [];
    this.status = status;
  }
}

function address(path, { query = {}, ...values }) {
  const url = new URL(path.slice(1).replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(values[key])), BASE);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  return url;
}

/** Sends a request; `route` is a method and a path of the API. @param {any} [how] */
async function send(route, how = {}) {
  const { values = {}, json, form, accept = 'application/json', admin, key, signal, headers = {} } = how;
  const [method, path] = route.split(' ');
  const own = [session.key, session.adminKey];
  const used = key ?? (admin ? own.reverse() : own).find(Boolean);
  const head = /** @type {Record<string, string>} */ ({ ...headers, Accept: accept });
  if (used) head.Authorization = `Bearer ${used}`;
  if (json !== undefined) head['Content-Type'] = 'application/json';
  const body = json === undefined ? form : JSON.stringify(json);
  let response;
  try {
    response = await fetch(address(path, values), { method, headers: head, body, signal, credentials: 'omit' });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new Problem({ code: 'unreachable', error: 'The service cannot be reached. Is it still running?' }, 0);
  }
  if (response.ok) return response;
  const { status } = response;
  const text = await response.text();
  let problem = { code: 'unknown', error: `The service answered with status ${status}.` };
  try {
    problem = JSON.parse(text);
  } catch {
  }
  throw new Problem(problem, status);
}

/** @type {ApiGet} */
const get = async (route, how) => (await send(route, how)).json();
const blob = async (route, how) => (await send(route, { accept: '*/*', ...how })).blob();

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = '';
  for (;;) {
    const { value = '', done } = await reader.read();
    const blocks = (waiting + value).split('\n\n');
    waiting = blocks.pop();
    for (const block of blocks) {
      const lines = block.split('\n');
      const of = field => lines.filter(line => line.startsWith(`${field}: `)).map(line => line.slice(field.length + 2));
      const data = of('data').join('\n');
      if (data) yield { event: of('event')[0] ?? 'message', data: JSON.parse(data) };
    }
    if (done) return;
  }
}

/** Tells each event; the answer is what `done` says. @type {ApiFollow} */
async function follow(route, how, told) {
  const response = await send(route, { ...how, accept: 'text/event-stream' });
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.json();
  for await (const { event, data } of events(response)) {
    if (event === 'error') throw new Problem(data, data.status ?? 500);
    if (event === 'done') return data;
    told(event, data);
  }
  throw new Problem({ code: 'cut_off', error: 'The connection broke before the answer was whole. Try again.' }, 0);
}

export const api = {
  status: how => get('GET /status', how),
  segments: how => get('GET /segments', how),
  map: (version, how) =>
    get('GET /map', { ...how, values: { query: version ? { version } : {} }, admin: true }),
  upload: (form, signal, told) =>
    follow('POST /upload-excel', { form, signal, values: { query: { places: 1 } } }, told),
  write: (json, how) => get('POST /generate-promo', { ...how, json }),
  rewrite: json => get('POST /generate-post', { json }),
  export: (json, format) => blob('POST /segments/export', { json, values: { query: { format } } }),
  extras: (id, json, tag) =>
    get('PUT /segments/{id}/extras', { values: { id }, json, admin: true, headers: { 'If-Match': tag } }),
  picture: (url, name) => blob('POST /api/proxy-download', { json: { url, name } }),
  models: how => get('GET /models', { admin: true, ...how }),
  report: (version, how) => get('GET /models/{version}/report', { values: { version }, admin: true, ...how }),
  reportPage: version =>
    blob('GET /models/{version}/report', { values: { version }, admin: true, accept: 'text/html' }),
  activate: version => get('POST /models/{version}/activate', { values: { version }, admin: true }),
  uploads: how => get('GET /uploads', { admin: true, values: { query: { limit: 1000 } }, ...how }),
  approve: id => get('POST /uploads/{id}/approve', { values: { id }, admin: true }),
  remove: id => send('DELETE /uploads/{id}', { values: { id }, admin: true }),
  jobs: how => get('GET /retrain', { admin: true, ...how }),
  job: (id, signal, told) => follow('GET /retrain/{id}', { values: { id }, admin: true, signal }, told),
  retrain: (form, force, told) =>
    follow('POST /retrain', { form, admin: true, values: { query: force ? { force } : {} } }, told),
  compare: told => follow('POST /compare', { admin: true }, told),
  /** Throws where a key does not open the door that it is for. */
  tryKey: (key, admin) => (admin ? get('GET /models', { key }) : get('GET /status', { key })),
};

/** Why the routes for administrators are closed to this tab. @returns {string | null} */
export function closed() {
  if (session.status.admin_key_is_set === false) return 'No ADMIN_KEY is set: the operator closed this.';
  return session.adminKey || session.key ? null : 'This needs the administrator\u2019s key: see \u201cKeys\u201d.';
}

/** A picture's address on this origin. */
export const here = url => new URL(new URL(url, BASE).pathname.replace(/^.*\/images\//, 'images/'), BASE).href;
