// An upload: a workbook and a campaign in, segments with their texts out, live; then edits, and a file with them.
import { api, session } from '../api.js';
import {
	alert,
	ask,
	el,
	fill,
	look,
	name,
	note,
	para,
	pct,
	plural,
	press,
	put,
	q,
	save,
	toast,
	way,
} from '../dom.js';
import { facts } from '../facts.js';
import { campaign, dropping, limitOf, mend } from '../campaign.js';
import { changes, edit, edited, hasEdits, open, replace, start, textOf } from '../run.js';
import { failedText, mayLeave, textCards } from '../texts.js';
import { inWords } from '../traits.js';

const STEPS = [
	['reading', 'Reading'],
	['grouping', 'Grouping'],
	['writing', 'Writing'],
];

export function show({ signal }) {
	const page = el(
		'div',
		{},
		el('a', { href: '#/', className: 'back' }, 'Back to the customers'),
		el('h1', {}, 'Upload'),
	);
	const body = el('div', {});
	page.append(body);
	const draw = () => render(body);
	changes.addEventListener('change', draw, { signal });
	draw();
	return page;
}

/** Either the form, or the upload at hand; cards that are there already stay. */
function render(body) {
	const run = session.upload;
	if (!run || run.state === 'failed' || run.state === 'cancelled') {
		const form = q(body, 'form');
		if (form) return fail(form, run);
		return body.replaceChildren(...asking());
	}
	if (body.run !== run) {
		body.run = run;
		body.replaceChildren(...following(run));
	}
	update(body, run);
}

let kept = null;

function asking() {
	const before = session.upload;
	const form = fill('upload', { campaign: campaign(before?.campaign), problem: [] });
	dropping(form, 'file', 'Drop a workbook here, or choose one');
	if (kept && before) restore(form);
	form.addEventListener('submit', event => {
		event.preventDefault();
		const data = new FormData(form);
		if (!q(form, '[name=file]').files.length) {
			return mend(form, { details: [{ field: 'file', message: 'is missing: choose one first' }] });
		}
		for (const [field, value] of [...data]) if (value === '') data.delete(field);
		kept = q(form, '[name=file]').files;
		start(data);
	});
	const input = q(form, '[data-k=kept]');
	q(form, '[data-k=open]').addEventListener('click', () => input.click());
	input.addEventListener('change', () => openKept(form, input.files[0]));
	if (before?.problem) fail(form, before);
	const teach = before
		? null
		: para(
				'lead',
				'No uploads yet: drop a workbook here, or try the sample, base_data/2026-01-01/customers.xlsx. ',
				'Every segment gets its own text, and you can edit it before it leaves.',
			);
	return [teach, form].filter(Boolean);
}

/** After a failure the form is as it was, with its file. */
function restore(form) {
	const input = q(form, '[name=file]');
	input.files = kept;
	input.dispatchEvent(new Event('change'));
}

async function openKept(form, file) {
	try {
		open(JSON.parse(await file.text()), file.name);
	} catch (fault) {
		put(
			q(form, '[data-k=problem]'),
			alert({ error: fault instanceof SyntaxError ? `${file.name} is not JSON.` : fault.message }),
		);
	}
}

function fail(form, run) {
	if (run.state === 'cancelled')
		return put(q(form, '[data-k=problem]'), note('', 'Cancelled: the work has ended, and nothing is kept of it.'));
	const found = mend(form, run.problem);
	put(q(form, '[data-k=problem]'), found ? [] : alert(run.problem));
}

function following(run) {
	const steps = STEPS.map(([key, words]) =>
		el('li', { className: 'step', data: { step: key } }, el('b', {}, words), el('span', {}, '')),
	);
	return [
		para('lead', el('b', {}, run.file), el('span', { data: { k: 'state' } }, '')),
		el('ol', { className: 'steps', aria: { label: 'Steps' } }, steps),
		el('p', { className: 'sr', role: 'status', data: { k: 'told' } }),
		el('div', { className: 'row', data: { k: 'actions' } }),
		el('div', { data: { k: 'facts' } }),
		el('div', { className: 'fields', data: { k: 'cards' } }),
	];
}

function update(body, run) {
	const part = key => q(body, `[data-k=${key}]`);
	const at = run.state === 'done' ? 3 : STEPS.findIndex(([key]) => key === run.step);
	const counts = [
		run.rows ? plural(run.rows, 'row') : '',
		at > 1 ? 'done' : '',
		run.of ? `${run.done} of ${run.of}` : '',
	];
	STEPS.forEach(([key], position) => {
		const step = q(body, `[data-step=${key}]`);
		step.dataset.is = position < at ? 'done' : position === at ? 'now' : 'waits';
		if (position === at) step.setAttribute('aria-current', 'step');
		else step.removeAttribute('aria-current');
		q(step, 'span').textContent = position <= at || run.state === 'done' ? counts[position] : 'waits';
	});
	part('told').textContent =
		run.state === 'done' ? 'Done' : `${run.step} ${run.of ? `${run.done} of ${run.of}` : ''}`;
	part('state').textContent =
		run.state === 'done' ? ` is grouped into ${plural(run.segments.length, 'segment')}.` : ' is on its way.';
	const cards = part('cards');
	run.segments.forEach((segment, position) => {
		const there = cards.children[position];
		if (there && there.content === segment.content && there.state === run.state) return;
		const card = block(run, segment);
		Object.assign(card, { content: segment.content, state: run.state });
		if (there) there.replaceWith(card);
		else {
			card.classList.add('arrives');
			cards.append(card);
		}
	});
	if (body.state === run.state) return;
	body.state = run.state;
	put(part('actions'), run.state === 'done' ? exits(run) : [press('Cancel', () => run.cancel())]);
	put(part('facts'), run.state === 'done' ? facts(run.answer) : []);
}

/** One segment with its texts. */
function block(run, segment) {
	const id = segment.cluster_id;
	const content = segment.content ?? {};
	const platform = run.campaign.platform ?? 'Instagram';
	const again = () => regenerate(run, segment);
	const button = press('Write it anew', again, 'small-button');
	const cards = content.error
		? [failedText(content, again)]
		: textCards(content, at => ({
				id: id < 0 ? null : id,
				platform,
				limit: limitOf(platform),
				text: textOf(segment, at),
				edited: text => edit(segment, at, text),
				actions: run.state === 'done' && at === 0 ? [button] : [],
			}));
	const head = el(
		'div',
		{},
		el('h2', {}, name(id)),
		el(
			'p',
			{},
			el('b', {}, plural(segment.size, 'customer')),
			`, ${pct(segment.share)}. `,
			el('span', { className: 'soft' }, inWords(segment)),
		),
		para('soft pre', segment.persona_summary),
	);
	const root = el(
		'section',
		{
			aria: { label: id < 0 ? 'Outside every segment' : `Segment ${id}` },
			data: { segment: String(id) },
			css: { '--c': look(id).colour },
		},
		head,
		el('div', { className: 'cards wide' }, cards),
	);
	return root;
}

async function regenerate(run, segment) {
	const id = segment.cluster_id;
	const has = [...run.edits.keys()].some(key => key.startsWith(`${id}:`));
	if (
		has &&
		!(await ask(
			'Write it anew?',
			el('p', {}, 'Your edits of this segment will be replaced. Those of other segments stay.'),
			'Write it anew',
		))
	)
		return;
	const { num_variants: variants = 1, ...campaign } = run.campaign;
	const body = segment.content?.regenerate?.body ?? {
		...campaign,
		num_variants: Number(variants),
		cluster_id: id,
		...(id < 0 ? { persona: segment.persona } : {}),
	};
	try {
		const {
			text,
			variants,
			image_prompt,
			slogan,
			images,
			image_error,
			prompt_used,
			model,
			image_model,
			tokens,
			cost_usd,
			flags,
		} = await api.rewrite(body);
		replace(id, {
			text,
			variants,
			image_prompt,
			slogan,
			images,
			image_error,
			prompt_used,
			model,
			image_model,
			tokens,
			cost_usd,
			flags,
		});
		toast(`Segment ${id} is written anew.`);
	} catch (problem) {
		toast(problem.error);
	}
}

function exits(run) {
	const exportAs = async format => {
		const platform = run.campaign.platform ?? 'Instagram';
		const limit = limitOf(platform);
		for (const segment of run.segments) {
			if (!(await mayLeave(textOf(segment, 0), platform, limit, 'Export'))) return;
		}
		try {
			save(
				format === 'json'
					? new Blob([JSON.stringify(edited(), null, 1)], { type: 'application/json' })
					: await api.export(edited(), format),
				`segments.${format}`,
			);
			toast(`segments.${format} is saved, with your edits.`);
		} catch (problem) {
			toast(problem.error);
		}
	};
	const button = (format, words, look = '') =>
		el('button', { type: 'button', className: look, on: { click: () => exportAs(format) } }, words);
	const again = async () => {
		if (
			hasEdits() &&
			!(await ask('Leave this upload?', el('p', {}, 'Its edits are not in any file yet.'), 'Leave it'))
		)
			return;
		session.upload = null;
		changes.dispatchEvent(new Event('change'));
	};
	return [
		button('xlsx', 'Export as a workbook', 'go'),
		button('csv', 'Export as CSV'),
		button('json', 'Keep the answer'),
		way('See it on the map', '#/'),
		press('Another upload', again, 'plain'),
	];
}
