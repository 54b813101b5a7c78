// The versions: what each scored, which is live, what differs between two; and back to another one.
import { api, closed } from '../api.js';
import { alert, all, ask, dec, el, empty, num, para, pct, press, put, q, table, toast, way, when } from '../dom.js';
import { decided } from '../traits.js';

export function show({ signal, again }) {
	const body = el('div', {});
	const page = el(
		'div',
		{},
		el(
			'div',
			{ className: 'headline' },
			el('h1', {}, 'Models'),
			el('div', { className: 'row' }, way('Retrain', '#/retrain', 'go')),
		),
		body,
	);
	const reason = closed();
	if (reason) body.append(empty('The versions are for administrators', reason));
	else load(body, signal);
	document.addEventListener('version', again, { signal });
	return page;
}

async function load(body, signal) {
	try {
		const { versions, live } = await api.models({ signal });
		body.replaceChildren(...parts(versions, live, body, signal));
	} catch (problem) {
		if (!signal.aborted) body.replaceChildren(alert(problem));
	}
}

function parts(versions, live, body, signal) {
	if (!versions.length)
		return [
			empty(
				'No versions yet',
				'A retraining makes the first one: from the workbooks in base_data and those that were uploaded.',
				way('Retrain', '#/retrain', 'go'),
			),
		];
	const result = el('section', { hidden: true, aria: { live: 'polite' } });
	const compareIt = el('button', { type: 'button', disabled: true }, 'Compare two');
	const hint = el('span', { className: 'why' }, 'Choose two versions below.');
	const chosen = () => all(body, '[name=compare]:checked').map(box => box.value);
	const boxes = () => {
		compareIt.disabled = chosen().length !== 2;
		hint.textContent =
			chosen().length === 2 ? '' : chosen().length > 2 ? 'Choose two only.' : 'Choose two versions below.';
	};
	compareIt.addEventListener('click', () => compare(result, chosen(), signal));
	const rows = versions.map(each => row(each, live, versions, body, signal, boxes));
	const heads = [
		['Version'],
		['Customers', true],
		['Segments', true],
		['Outside', true],
		['Silhouette', true],
		['DBCV', true],
		['State'],
		['Action'],
	];
	const live_ = versions.find(each => each.version === live);
	const sentence = decided(live_ ?? {});
	return [
		sentence
			? para('lead', sentence)
			: para(
					'lead',
					'Each retraining makes a version; one is live. Any other can take its place within seconds, and back.',
				),
		el('div', { className: 'row' }, compareIt, hint),
		table('Versions of the model, the newest first', heads, rows),
		result,
	];
}

function row(of, live, versions, body, signal, boxes) {
	const { scores = {} } = of;
	const isLive = of.version === live;
	const box = el('input', {
		type: 'checkbox',
		name: 'compare',
		value: of.version,
		aria: { label: `Compare ${of.version}` },
	});
	box.addEventListener('change', boxes);
	const activate = press('Make it live', () => makeLive(of, live, versions, body, signal), 'small-button');
	const head = el(
		'span',
		{},
		el('label', { className: 'check' }, box, el('a', { href: `#/models/${of.version}` }, when(of.created_at))),
		el('div', { className: 'small soft' }, of.version),
	);
	const state = [
		isLive ? el('span', { className: 'badge good' }, 'live') : null,
		of.trained_on_sample ? el('span', { className: 'badge' }, 'sample') : null,
		of.fault ? el('span', { className: 'bad' }, of.fault.error ?? String(of.fault)) : null,
	].filter(Boolean);
	return [
		head,
		num(scores.rows),
		num(scores.clusters),
		pct(scores.noise_share),
		dec(scores.silhouette),
		dec(scores.dbcv),
		el('span', { className: 'row' }, state),
		isLive ? el('span', { className: 'why' }, 'It is live.') : activate,
	];
}

async function makeLive(of, live, versions, body, signal) {
	const before = versions.find(each => each.version === live);
	const was = before ? `${live} (${when(before.created_at)})` : live;
	const text = para(
		'',
		`${of.version} (${when(of.created_at)}) takes the place of ${was}. You can go back at any time.`,
	);
	if (!(await ask('Make this version live?', text, 'Make it live'))) return;
	try {
		await api.activate(of.version);
		toast(`${of.version} is live.`);
		await load(body, signal);
	} catch (problem) {
		body.prepend(alert(problem));
	}
}

/** Two reports side by side: what differs, or everything.
 * @param {any} result @param {any[]} chosen @param {any} signal */
async function compare(result, [first, second], signal) {
	result.hidden = false;
	result.replaceChildren(para('soft', 'Comparing…'));
	try {
		const [a, b] = await Promise.all([first, second].map(version => api.report(version, { signal })));
		const [left, right] =
			a.at < b.at
				? [
						[first, a],
						[second, b],
					]
				: [
						[second, b],
						[first, a],
					];
		const rows = lines(left[1], right[1]);
		const every = el('input', { type: 'checkbox' });
		const place = el('div');
		const draw = () => {
			const shown = every.checked ? rows : rows.filter(([, x, y]) => x !== y);
			put(
				place,
				shown.length
					? table(`${left[0]} beside ${right[0]}`, [['What'], [when(left[1].at)], [when(right[1].at)]], shown)
					: empty('Nothing differs', 'Both versions have the same scores, parameters, files and segments.'),
			);
		};
		every.addEventListener('change', draw);
		draw();
		result.replaceChildren(
			el('h2', { tabIndex: -1 }, 'What differs'),
			el('label', { className: 'check' }, every, 'Show everything'),
			place,
		);
		q(result, 'h2').focus();
	} catch (problem) {
		if (!signal.aborted) result.replaceChildren(alert(problem));
	}
}

function lines(a, b) {
	const segments = report =>
		new Map((report.segments ?? []).map(each => [each.cluster_id, `${num(each.customers)} (${pct(each.share)})`]));
	const [left, right] = [segments(a), segments(b)];
	const ids = [...new Set([...left.keys(), ...right.keys()])].sort((x, y) => x - y);
	const flat = (prefix, of) =>
		Object.entries(of ?? {}).flatMap(([key, value]) =>
			value && typeof value === 'object' && !Array.isArray(value)
				? flat(`${prefix}${key}.`, value)
				: [[prefix + key, word(value)]],
		);
	const both = (head, x, y) => {
		const [l, r] = [new Map(flat('', x)), new Map(flat('', y))];
		return [...new Set([...l.keys(), ...r.keys()])].map(key => [
			`${head}: ${key}`,
			l.get(key) ?? '–',
			r.get(key) ?? '–',
		]);
	};
	return [
		['Verdict', a.verdict, b.verdict],
		['Files', (a.files ?? []).join(', '), (b.files ?? []).join(', ')],
		...both('Score', a.scores, b.scores),
		...ids.map(id => [`Segment ${id}`, left.get(id) ?? 'none', right.get(id) ?? 'none']),
		...both('Parameter', a.params, b.params),
		...both('Limit', a.limits, b.limits),
	];
}

const word = value =>
	typeof value === 'number' && !Number.isInteger(value)
		? String(Number(value.toPrecision(5)))
		: value === null
			? 'by itself'
			: String(value);
