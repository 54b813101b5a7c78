// A text for a segment, for a customer who is described, or for everyone.
import { api, session } from '../api.js';
import { alert, called, el, fill, mark, note, pairs, para, pct, put, q, title, value } from '../dom.js';
import { campaign, choices, filled, limitOf, mend } from '../campaign.js';
import { textCards } from '../texts.js';

/** A customer as the form describes one, where the service names no fields. */
const FIELDS = [
	{ field: 'location', title: 'Location' },
	{ field: 'gender', title: 'Gender' },
	{ field: 'loyalty_tier', title: 'Loyalty tier' },
	{ field: 'join_year', title: 'Year joined' },
	{ field: 'join_month', title: 'Month joined' },
];

export function show({ signal }) {
	const result = el('section', { hidden: true });
	const form = fill('write', { who: [], customer: [], campaign: campaign(session.upload?.campaign), problem: [] });
	const customer = q(form, '[data-k=customer]');
	const choose = who => {
		put(customer, who === 'described' ? FIELDS.map(described) : []);
		customer.hidden = who !== 'described';
	};
	choose('everyone');
	offer(form, signal);
	form.addEventListener('change', event => {
		if (event.target.name === 'who') choose(event.target.value);
	});
	form.addEventListener('submit', event => {
		event.preventDefault();
		write(form, result);
	});
	return el(
		'div',
		{},
		el('h1', {}, 'Write'),
		para('lead', 'A text for one segment, for one customer as you describe them, or for everyone.'),
		form,
		result,
	);
}

/** The segments of the live version, to choose from. */
async function offer(form, signal) {
	const fixed = [
		['everyone', 'Everyone'],
		['described', 'A customer I describe'],
	];
	put(q(form, '[data-k=who]'), radios(fixed, 'everyone'));
	try {
		const { segments } = await api.segments({ signal });
		const own = segments.map(({ cluster_id: id }) => [String(id), called(id)]);
		put(q(form, '[data-k=who]'), radios([...fixed, ...own], q(form, '[name=who]:checked')?.value ?? 'everyone'));
	} catch (fault) {
		if (!signal.aborted) put(q(form, '[data-k=problem]'), alert(fault));
	}
}

const radios = (values, chosen) => [...choices('who', '', values, chosen).querySelectorAll('label')];

const described = ({ field, title }) =>
	el(
		'div',
		{ className: 'field', data: { field } },
		el('label', { htmlFor: `c-${field}` }, title),
		el('input', { id: `c-${field}`, name: field, type: 'text', autocomplete: 'off' }),
	);

async function write(form, result) {
	const go = q(form, '[data-k=go]');
	const problem = q(form, '[data-k=problem]');
	go.disabled = true;
	go.textContent = 'Writing…';
	put(problem, []);
	const { who, ...inputs } = filled(form);
	const audience = /^\d+$/.test(who) ? { cluster_id: Number(who) } : {};
	try {
		const answer = await api.write({ ...inputs, ...audience });
		mend(form, null);
		result.hidden = false;
		result.replaceChildren(...shown(answer, inputs.platform));
		q(result, 'h2').focus();
	} catch (fault) {
		if (!mend(form, fault)) put(problem, alert(fault));
	}
	go.disabled = false;
	go.textContent = 'Write';
}

function shown(answer, platform) {
	const id = answer.cluster_id ?? null;
	const who = answer.audience === 'everyone' || id === null ? 'Everyone' : called(id);
	const notes = [
		...(answer.ignored ?? []).map(field => `${field.field ?? field} was not read.`),
		...(answer.notes ?? []),
	];
	return [
		el(
			'h2',
			{ tabIndex: -1 },
			id === null ? '' : mark(id),
			` For ${who.toLowerCase().replace('segment', 'segment')}`,
		),
		para('soft pre', answer.persona_summary ?? ''),
		pairs([
			['Strength', Number.isFinite(answer.cluster_strength) ? pct(answer.cluster_strength) : ''],
			['Confidence', Number.isFinite(answer.cluster_confidence) ? pct(answer.cluster_confidence) : ''],
		]),
		...notes.map(text => note('fair', String(text))),
		el(
			'div',
			{ className: 'cards' },
			textCards(answer, at => ({
				id,
				platform,
				limit: limitOf(platform),
				text: answer.variants?.[at] ?? answer.text ?? '',
				edited() {},
			})),
		),
		answer.persona
			? el(
					'details',
					{},
					el('summary', {}, 'The persona it is written for'),
					pairs(Object.entries(answer.persona).map(([key, of]) => [title(key), value(key, of)])),
				)
			: null,
	].filter(Boolean);
}
