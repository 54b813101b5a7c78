// One segment: who they are and why, how it came along, what marketers add, and texts for it.
import { api, closed, session } from '../api.js';
import {
	alert,
	called,
	el,
	empty,
	look,
	mark,
	num,
	pairs,
	para,
	pct,
	put,
	title,
	toast,
	value,
	way,
} from '../dom.js';
import { campaign, filled, limitOf, mend } from '../campaign.js';
import { textCards } from '../texts.js';
import { change } from './customers.js';
import { inWords, why } from '../traits.js';

export function show({ parameters, signal }) {
	const id = Number(parameters[0]);
	const body = el('div', {}, el('p', { className: 'soft', role: 'status' }, 'Looking at the segment…'));
	load(body, id, signal);
	return el(
		'div',
		{ css: { '--c': look(id).colour } },
		el('a', { href: '#/', className: 'back' }, 'All customers'),
		el('h1', {}, mark(id), ` ${called(id)}`),
		body,
	);
}

async function load(body, id, signal) {
	try {
		const answer = await api.segments({ signal });
		const segment = answer.segments.find(each => each.cluster_id === id);
		if (!segment) {
			const words = `The live version, ${answer.model_version}, has no segment ${id}. An earlier one may have had it.`;
			return body.replaceChildren(empty('No such segment', words, way('All customers', '#/')));
		}
		body.replaceChildren(...parts(segment, answer));
	} catch (problem) {
		if (!signal.aborted) body.replaceChildren(alert(problem));
	}
}

function parts(segment, answer) {
	const rest = segment.not_distinguishing?.length
		? `As everywhere: ${segment.not_distinguishing.map(title).join(', ').toLowerCase()}.`
		: null;
	return [
		para('lead pre', segment.persona_summary),
		el(
			'dl',
			{ className: 'figures' },
			figure('Customers', num(segment.customers), `${pct(segment.share)} of ${num(answer.customers)}`),
			figure(
				'Since the version before',
				change(segment),
				segment.before ? `${num(segment.before.customers)} customers before` : 'there is none to compare with',
			),
			figure('Sets them apart', el('small', {}, inWords(segment, 3)), null),
		),
		el('section', {}, el('h2', {}, 'What to write to them'), writing(segment)),
		el(
			'section',
			{},
			el('h2', {}, 'Why they are one segment'),
			para('soft', 'Bars: the share here; the line: everyone. ', rest),
			why(segment),
		),
		el(
			'section',
			{},
			el('h2', {}, 'Persona'),
			pairs(Object.entries(segment.persona).map(([key, of]) => [title(key), value(key, of)])),
		),
		extras(segment),
	];
}

const figure = (head, text, more) =>
	el('div', {}, el('dt', {}, head), el('dd', {}, text, more ? el('small', {}, more) : null));

/** A form that writes, with the texts below it. */
function writing(segment) {
	const id = segment.cluster_id;
	const result = el('div', { className: 'cards', aria: { live: 'polite' } });
	const problem = el('div');
	const go = el('button', { className: 'go' }, 'Write for this segment');
	const form = el(
		'form',
		{ className: 'fields', noValidate: true },
		campaign(session.upload?.campaign),
		problem,
		el('div', { className: 'row' }, go),
	);
	form.addEventListener('submit', async event => {
		event.preventDefault();
		go.disabled = true;
		go.textContent = 'Writing…';
		put(problem, []);
		try {
			const inputs = filled(form);
			const answer = await api.write({ ...inputs, cluster_id: id });
			mend(form, null);
			const edits = new Map();
			put(
				result,
				textCards(answer, at => ({
					id,
					platform: inputs.platform,
					limit: limitOf(inputs.platform),
					text: answer.variants?.[at] ?? answer.text ?? '',
					edited: text => edits.set(at, text),
				})),
			);
		} catch (fault) {
			if (!mend(form, fault)) put(problem, alert(fault));
		}
		go.disabled = false;
		go.textContent = 'Write for this segment';
	});
	return el('div', { className: 'fields' }, form, result);
}

/** What marketers add to the persona: the next text uses it. */
function extras(segment) {
	const id = segment.cluster_id;
	const entries = Object.entries(segment.extras ?? {});
	const reason = closed();
	const text = el('textarea', {
		id: 'extras',
		rows: 4,
		value: entries.map(([key, of]) => `${key}: ${of}`).join('\n'),
		placeholder: 'Interests: running\nMood: practical',
		disabled: Boolean(reason),
	});
	const problem = el('div');
	const button = el('button', { className: 'go', disabled: Boolean(reason) }, 'Save');
	const form = el(
		'form',
		{ className: 'field' },
		el(
			'label',
			{ htmlFor: 'extras' },
			'What you know besides ',
			el('span', { className: 'hint' }, 'one a line, as \u201cname: text\u201d'),
		),
		text,
		problem,
		el('div', { className: 'row' }, button, reason ? el('span', { className: 'why' }, reason) : null),
	);
	form.addEventListener('submit', async event => {
		event.preventDefault();
		const lines = text.value.split('\n').filter(line => line.trim());
		const given = Object.fromEntries(
			lines.map(line => {
				const at = line.indexOf(':');
				return at < 0 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
			}),
		);
		try {
			const answer = await api.extras(id, given, segment.extras_etag);
			Object.assign(segment, { extras: answer.extras, extras_etag: answer.etag });
			put(problem, []);
			toast('Saved: the next text for this segment uses it.');
		} catch (fault) {
			put(problem, alert(fault));
		}
	});
	return el('section', {}, el('h2', {}, 'Your additions'), form);
}
