// The service's API: the one place that knows its routes. A failure is thrown as the problem document that it answers.

const BASE = new URL('.', document.baseURI);

/** What lives as long as this tab, and nowhere else: keys, the last status, the upload at hand.
 * @type {{ key: string, adminKey: string, status: any, upload: any }} */
export const session = { key: '', adminKey: '', status: null, upload: null };

/** A problem document as it is thrown. */
export class Problem extends Error {
	/** */
	constructor(document, status) {
		super(document.error);
		this.error = document.error;
		this.code = document.code;
		this.request_id = document.request_id;
		this.details = document.details ?? [];
		this.status = status;
	}
}

/** The address of a route. @param {Record<string, any>} values */
function address(path, values) {
	const filled = path.replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(values[key]));
	const url = new URL(filled.slice(1), BASE);
	for (const [key, value] of Object.entries(values.query ?? {})) url.searchParams.set(key, String(value));
	return url;
}

/** Sends a request; `route` is a method and a path of the API.
 * @param {any} route @param {any} [how] @returns {Promise<Response>} */
async function send(route, how = {}) {
	const { values = {}, json, form, accept, admin, key, signal, headers = {} } = how;
	const [method, path] = route.split(' ');
	const used = key ?? (admin ? session.adminKey : session.key || session.adminKey);
	const head = /** @type {Record<string, string>} */ ({ ...headers, Accept: accept ?? 'application/json' });
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
	if (!response.ok) throw await problem(response);
	return response;
}

async function problem(response) {
	const text = await response.text();
	try {
		return new Problem(JSON.parse(text), response.status);
	} catch {
		return new Problem(
			{ code: 'unknown', error: `The service answered with status ${response.status}.` },
			response.status,
		);
	}
}

const get = async (route, how) => (await send(route, how)).json();

/** The events of an answer that tells how far it is. @param {Response} response */
async function* events(response) {
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let waiting = '';
	for (;;) {
		const { value = '', done } = await reader.read();
		const blocks = (waiting + value).split('\n\n');
		waiting = blocks.pop();
		for (const block of blocks) {
			const lines = block.split('\n');
			const of = field =>
				lines.filter(line => line.startsWith(`${field}: `)).map(line => line.slice(field.length + 2));
			const data = of('data').join('\n');
			if (data) yield { event: of('event')[0] ?? 'message', data: JSON.parse(data) };
		}
		if (done) return;
	}
}

/** Sends a request and tells each event; the answer is what `done` says.
 * @param {(event: string, data: any) => void} told */
async function follow(route, how, told) {
	const response = await send(route, { ...how, accept: 'text/event-stream' });
	if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.json();
	for await (const { event, data } of events(response)) {
		if (event === 'error') throw new Problem(data, data.status ?? 500);
		if (event === 'done') return data;
		told(event, data);
	}
	throw new Problem(
		{ code: 'cut_off', error: 'The connection broke before the answer was whole. Please try again.' },
		0,
	);
}

export const api = {
	status: how => get('GET /status', how),
	segments: how => get('GET /segments', how),
	map: (version, how) =>
		get('GET /map', { ...how, values: { query: version ? { version } : {} }, admin: Boolean(session.adminKey) }),
	upload: (form, signal, told) =>
		follow('POST /upload-excel', { form, signal, values: { query: { places: 1 } } }, told),
	write: (json, how) => get('POST /generate-promo', { ...how, json }),
	rewrite: (json, how) => get('POST /generate-post', { ...how, json }),
	export: async (json, format) =>
		(await send('POST /segments/export', { json, values: { query: { format } }, accept: '*/*' })).blob(),
	extras: async (id, json, tag) =>
		get('PUT /segments/{id}/extras', { values: { id }, json, admin: true, headers: { 'If-Match': tag } }),
	picture: async (url, filename) =>
		(await send('POST /api/proxy-download', { json: { url, name: filename }, accept: '*/*' })).blob(),
	models: how => get('GET /models', { admin: true, ...how }),
	report: (version, how) => get('GET /models/{version}/report', { values: { version }, admin: true, ...how }),
	reportPage: async version =>
		(await send('GET /models/{version}/report', { values: { version }, admin: true, accept: 'text/html' })).blob(),
	activate: version => get('POST /models/{version}/activate', { values: { version }, admin: true }),
	uploads: how => get('GET /uploads', { admin: true, ...how }),
	jobs: how => get('GET /retrain', { admin: true, ...how }),
	job: (id, how) => get('GET /retrain/{id}', { values: { id }, admin: true, ...how }),
	retrain: (form, force, told) =>
		follow('POST /retrain', { form, admin: true, values: { query: force ? { force } : {} } }, told),
	/** Whether a key opens the door that it is for; throws what the service says where not. */
	tryKey: (key, admin) => (admin ? get('GET /models', { key }) : get('GET /status', { key })),
};

/** Why the routes for administrators are closed to this tab; nothing where they are open. @returns {string | null} */
export function closed() {
	if (session.status && !session.status.admin_key_is_set) return 'No ADMIN_KEY is set: the operator closed this.';
	return session.adminKey ? null : 'This needs the administrator\u2019s key: enter it under \u201cKeys\u201d above.';
}

/** An address of a picture on this origin, whatever host it was made for. */
export const here = url => new URL(new URL(url, BASE).pathname.replace(/^.*\/images\//, 'images/'), BASE).href;
