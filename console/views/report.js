// What one training did: drawn from its report, which the service keeps as JSON and as a page.
import { api, closed } from '../api.js';
import {
	alert,
	bar,
	dec,
	el,
	empty,
	look,
	name,
	note,
	num,
	pairs,
	para,
	pct,
	press,
	save,
	table,
	title,
	toast,
	value,
} from '../dom.js';
import { decided, driftSentence, drifts } from '../traits.js';
import { mapFigure } from '../mapview.js';

const TONE = { passed: 'good', first_version: 'fair', forced: 'fair', refused: 'bad', unchanged: 'good' };
const SAID = {
	passed: 'Published: all checks passed.',
	first_version: 'Published as the first version: no other was live.',
	forced: 'Published by force: the checks would have refused it.',
	refused: 'Refused: what was live stayed live.',
	unchanged: 'Unchanged.',
};
const CHECKS = {
	customers: 'Customers',
	profiles: 'Distinct profiles',
	clusters: 'Segments',
	noise_share: 'Share outside every segment',
	silhouette: 'Silhouette',
	dbcv: 'DBCV',
	files_changed: 'Files that came back changed',
	golden_sample: 'Golden sample placed as before',
	own_files: 'Files of your own customers',
};

export function show({ parameters, signal }) {
	const [version] = parameters;
	const body = el('div', {});
	const reason = closed();
	if (reason) body.append(empty('Reports are for administrators', reason));
	else load(body, version, signal);
	return el(
		'div',
		{},
		el('a', { href: '#/models', className: 'back' }, 'All versions'),
		el('h1', {}, 'Report'),
		para('soft', version),
		body,
	);
}

async function load(body, version, signal) {
	try {
		const [report, map] = await Promise.all([
			api.report(version, { signal }),
			api.map(version, { signal }).catch(() => null),
		]);
		if (!signal.aborted) body.replaceChildren(...parts(version, report, map));
	} catch (problem) {
		if (!signal.aborted) body.replaceChildren(alert(problem));
	}
}

function parts(version, report, map) {
	const sentence = decided(report);
	const section = (head, ...children) => el('section', {}, el('h2', {}, head), children.flat().filter(Boolean));
	return [
		note(
			TONE[report.verdict] ?? '',
			SAID[report.verdict] ?? report.verdict,
			report.trained_on_sample ? 'Trained on the sample: its customers are invented.' : null,
		),
		sentence ? note('fair', sentence) : null,
		el(
			'div',
			{ className: 'row' },
			download(version, 'html', 'Download the page'),
			download(version, 'json', 'Download the JSON'),
		),
		section('Segments, before and now', segments(report)),
		map?.x?.length
			? section('Map', mapFigure(map))
			: section('Map', note('', map?.sentence ?? 'This version has no map.')),
		section(
			'Checks',
			table('Checks of the gate', [['Check'], ['Value', true], ['Bound', true], ['Outcome']], report.gate.map(check)),
		),
		report.drift
			? section('Drift since the version before', driftSentence(report.drift), drifts(report.drift))
			: null,
		section('Scores', scores(report)),
		section('Files', files(report)),
		el(
			'details',
			{},
			el('summary', {}, 'Parameters and time'),
			pairs(flat(report.params)),
			pairs(Object.entries(report.seconds).map(([key, of]) => [title(key), `${num(of)}\u202fs`])),
		),
	].filter(Boolean);
}

function download(version, kind, words) {
	const act = async () => {
		try {
			const blob =
				kind === 'html'
					? await api.reportPage(version)
					: new Blob([JSON.stringify(await api.report(version), null, 1)], { type: 'application/json' });
			save(blob, `report-${version}.${kind}`);
		} catch (problem) {
			toast(problem.error);
		}
	};
	return press(words, act);
}

function segments({ segments: now, matching, live }) {
	const kept = new Map(matching.kept.map(each => [each.cluster_id, each]));
	const whole = live?.scores.rows ?? 1;
	const rows = (now ?? []).map(segment => {
		const before = kept.get(segment.cluster_id);
		const persona = Object.entries(segment.persona)
			.slice(0, 3)
			.map(([key, of]) => value(key, of))
			.join(' · ');
		return [
			name(segment.cluster_id),
			before ? `${num(before.customers_before)} (${pct(before.customers_before / whole)})` : '–',
			num(segment.customers),
			el('span', {}, pct(segment.share), bar(segment.share, look(segment.cluster_id).colour)),
			before ? `goes on, ${Math.round((100 * before.shared) / Math.max(before.customers, 1))}\u202f% shared` : 'new',
			segment.persona_summary ?? persona,
		];
	});
	const gone = matching.vanished.map(each => [
		name(each.cluster_id, false),
		num(each.customers_before),
		'–',
		'–',
		'is gone',
		'',
	]);
	return table(
		'Segments before and now',
		[['Segment'], ['Before', true], ['Now', true], ['Share'], ['Fate'], ['Traits']],
		[...rows, ...gone],
	);
}

function check(of) {
	const isShare = of.name === 'noise_share' || of.name === 'golden_sample';
	const say = n => (n === null ? 'undefined' : isShare ? pct(n) : num(Number(n.toFixed(4))));
	return [
		CHECKS[of.name] ?? title(of.name),
		say(of.value),
		`${of.bound === 'at_least' ? 'at least' : 'at most'} ${say(of.limit)}`,
		el(
			'span',
			{},
			el('span', { className: `badge ${of.passed ? 'good' : 'bad'}` }, of.passed ? 'passed' : 'failed'),
			of.detail ? ` ${of.detail}` : '',
		),
	];
}

function scores({ scores: now, live }) {
	if (!now) return note('', 'Nothing was fitted.');
	const before = live?.scores;
	/** @type {[string, string, (n: any) => string][]} */
	const shown = [
		['Customers', 'rows', num],
		['Distinct profiles', 'profiles', num],
		['Segments', 'clusters', num],
		['Outside every segment', 'noise_share', pct],
		['Silhouette (1 is best)', 'silhouette', dec],
		['DBCV (1 is best)', 'dbcv', dec],
		['Trustworthiness of the map (1 is best)', 'trustworthiness', dec],
	];
	const rows = shown
		.filter(([, key]) => now[key] !== undefined)
		.map(([head, key, say]) => [head, say(now[key]), before ? say(before[key]) : '–']);
	return table('Scores beside those of the version before', [['Score'], ['Now', true], ['Before', true]], rows);
}

function files({ files: read, skipped, cleaning }) {
	const rows = [
		...read.map(file => [file, 'read']),
		...skipped.map(each => [each.file ?? each.path ?? String(each), each.reason ?? each.error ?? 'left out']),
	];
	return [
		el('p', {}, `${num(cleaning?.rows_read)} rows read.`),
		table('Files', [['File'], ['What became of it']], rows),
	];
}

const flat = (of, prefix = '') =>
	Object.entries(of ?? {}).flatMap(([key, each]) =>
		each && typeof each === 'object' && !Array.isArray(each)
			? flat(each, `${prefix}${key}.`)
			: [[prefix + key, each === null ? 'by itself' : typeof each === 'number' ? num(each) : String(each)]],
	);
