// The customers: their map, what a mark is, and the segments as a table.
import { api, session } from '../api.js';
import { alert, bar, el, empty, fill, look, name, note, num, para, pct, plural, press, table } from '../dom.js';
import { decided, inWords } from '../traits.js';
import { mapFigure } from '../mapview.js';

/** @param {{ signal: AbortSignal, again: () => void }} context */
export function show({ signal, again }) {
	const page = fill('customers');
	const body = el('div', {}, el('p', { className: 'soft', role: 'status' }, 'Looking at the live version…'));
	page.append(body);
	load(body, signal, false, again);
	document.addEventListener('version', () => load(body, signal, true, again), { signal });
	return page;
}

async function load(body, signal, isNew, again) {
	try {
		const [segments, map] = await Promise.all([
			api.segments({ signal }),
			api.map('', { signal }).catch(fault => fault),
		]);
		if (signal.aborted) return;
		body.replaceChildren(...parts(segments, map, isNew));
	} catch (problem) {
		if (signal.aborted) return;
		body.replaceChildren(problem.code === 'not_ready' || problem.status === 503 ? starting(again) : alert(problem));
	}
}

function starting(again) {
	return empty(
		'No model yet',
		'The service is training its first model, or waits for one. This takes seconds for a few thousand customers.',
		press('Look again', again),
	);
}

function parts(answer, map, isNew) {
	const { segments, customers, outside } = answer;
	const rest = outside?.customers
		? ` ${plural(outside.customers, 'customer')} (${pct(outside.share)}) outside every one.`
		: '';
	const lead = para(
		'lead',
		el('b', {}, plural(customers, 'customer')),
		' in ',
		el('b', {}, plural(segments.length, 'segment')),
		`, as trained on ${answer.model_version.slice(0, 8).replace(/(\d{4})(\d\d)(\d\d)/, '$1-$2-$3')}.${rest}`,
	);
	const sentence = decided(answer);
	return [
		isNew ? toldNew(answer) : null,
		lead,
		sentence ? note('fair', sentence) : null,
		answer.trained_on_sample
			? note('', 'These customers are invented: the model was trained on the sample. Upload your own, then retrain.')
			: null,
		figure(map, answer),
		el('section', {}, el('h2', {}, 'Segments'), overview(segments)),
	].filter(Boolean);
}

const toldNew = answer => {
	const box = note('good', `A new version is live: ${answer.model_version}. The map and the table are its own.`);
	box.setAttribute('role', 'status');
	return box;
};

function figure(map, answer) {
	if (map instanceof Error) return alert(map);
	if (!map.x?.length)
		return note(
			'',
			map.sentence ??
				'This version was found without a map, so there is none to show. The table below says everything.',
		);
	return mapFigure(map, session.upload?.answer?.places, session.upload?.file);
}

function overview(segments) {
	const heads = [
		['Segment'],
		['Customers', true],
		['Share'],
		['Who they are'],
		['What sets them apart'],
		['Since the version before', true],
	];
	const rows = segments.map(segment => [
		name(segment.cluster_id),
		num(segment.customers),
		el('span', {}, pct(segment.share), bar(segment.share, look(segment.cluster_id).colour)),
		el('span', { className: 'pre' }, segment.persona_summary),
		inWords(segment),
		change(segment),
	]);
	return table('Segments with their size and what sets them apart', heads, rows);
}

/** How a segment has changed since the version before, in words and a signed number. */
export function change(segment) {
	if (!segment.before) return segment.fate === 'new' ? 'new' : '–';
	const points = 100 * (segment.share - segment.before.share);
	if (Math.abs(points) < 0.05) return 'unchanged';
	return `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)} points`;
}
