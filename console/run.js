// The upload at hand: it goes on while other screens are looked at, and ends with the page. Edits are kept beside the
// answer and never in it.
import { api, session } from './api.js';

export const changes = new EventTarget();
const tell = () => changes.dispatchEvent(new Event('change'));

/** Uploads a workbook and follows the work. @param {FormData} form */
export async function start(form) {
	const leaving = new AbortController();
	const campaign = Object.fromEntries([...form].filter(([name]) => name !== 'file'));
	const file = /** @type {File} */ (form.get('file'));
	/** @type {any} */
	const run = {
		file: file.name,
		campaign,
		state: 'busy',
		step: 'sending',
		rows: 0,
		done: 0,
		of: 0,
		segments: [],
		answer: null,
		problem: null,
		edits: new Map(),
		cancel: () => leaving.abort(),
	};
	session.upload = run;
	tell();
	try {
		run.answer = await api.upload(form, leaving.signal, (event, data) => {
			if (event === 'segment') run.segments.push(data);
			else if (event === 'progress') Object.assign(run, data);
			tell();
		});
		run.segments = run.answer.segments;
		run.state = 'done';
	} catch (problem) {
		run.state = leaving.signal.aborted ? 'cancelled' : 'failed';
		run.problem = problem;
	}
	tell();
}

/** Takes an answer that was kept as a file. */
export function open(answer, file) {
	if (!Array.isArray(answer?.segments))
		throw new Error(`${file} is not an upload\u2019s answer: it has no list \u201csegments\u201d.`);
	const inputs = answer.clusters?.[0]?.campaign_inputs ?? {};
	session.upload = {
		file,
		campaign: inputs,
		state: 'done',
		step: 'writing',
		rows: answer.rows?.rows_used ?? 0,
		done: 0,
		of: 0,
		segments: answer.segments,
		answer,
		problem: null,
		edits: new Map(),
		cancel() {},
	};
	tell();
}

/** Puts another text in the place of one segment's; the others and their edits stay. */
export function replace(id, content) {
	const run = session.upload;
	const segment = run.segments.find(each => each.cluster_id === id);
	segment.content = { ...segment.content, ...content, error: undefined };
	for (const key of [...run.edits.keys()]) if (key.startsWith(`${id}:`)) run.edits.delete(key);
	tell();
}

/** The text of a variant as it stands, edited or not. */
export const textOf = (segment, at) =>
	session.upload?.edits.get(`${segment.cluster_id}:${at}`) ??
	segment.content?.variants?.[at] ??
	segment.content?.text ??
	'';

export function edit(segment, at, text) {
	const key = `${segment.cluster_id}:${at}`;
	if (text === segment.content?.variants?.[at]) session.upload.edits.delete(key);
	else session.upload.edits.set(key, text);
}

export const hasEdits = () => Boolean(session.upload?.edits.size);

/** The answer with the edits in it, as an export takes it. */
export function edited() {
	const { answer } = session.upload;
	const segments = answer.segments.map(segment => {
		if (!segment.content?.variants) return segment;
		const variants = segment.content.variants.map((_, at) => textOf(segment, at));
		const text = variants[0] ?? segment.content.text;
		return { ...segment, content: { ...segment.content, text, variants } };
	});
	const texts = new Map(segments.map(segment => [segment.cluster_id, segment.content?.text]));
	const clusters = answer.clusters?.map(cluster => ({
		...cluster,
		default_post: texts.get(cluster.cluster_id) ?? cluster.default_post,
	}));
	return { ...answer, segments, ...(clusters ? { clusters } : {}) };
}
