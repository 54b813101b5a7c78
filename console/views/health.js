// How the service is: ready, what it spends, how fast it answers, what the last upload was like.
import { api } from '../api.js';
import { alert, bytes, el, num, para, plural, usd, when } from '../dom.js';
import { driftSentence, drifts } from '../traits.js';

const LOOK_MS = 5_000;

export function show({ signal }) {
	const body = el('div', {}, el('p', { className: 'soft', role: 'status' }, 'Asking the service…'));
	load(body, signal);
	const timer = setInterval(() => {
		if (!document.hidden) load(body, signal);
	}, LOOK_MS);
	signal.addEventListener('abort', () => clearInterval(timer));
	return el(
		'div',
		{},
		el('h1', {}, 'Health'),
		body,
		el(
			'p',
			{},
			el('a', { href: 'docs/' }, 'The API, to read and to try'),
			' · ',
			el('a', { href: 'metrics' }, 'Metrics for Prometheus'),
		),
	);
}

async function load(body, signal) {
	try {
		const status = await api.status({ signal });
		if (!signal.aborted) body.replaceChildren(...parts(status));
	} catch (problem) {
		if (!signal.aborted) body.replaceChildren(alert(problem));
	}
}

function parts(status) {
	const { budget, requests, overhead_ms: overhead, upstream_paused: paused, drift } = status;
	const figure = (head, text, more) =>
		el('div', {}, el('dt', {}, head), el('dd', {}, text, more ? el('small', {}, more) : null));
	const word = (is, tone) => el('span', { className: `badge ${tone}` }, is);
	const left =
		budget.limit_usd === null
			? 'No limit is set (DAILY_BUDGET_USD).'
			: `of ${usd(budget.limit_usd)}; anew at ${when(budget.resets_at)}`;
	const failed = requests.server_error;
	return [
		el(
			'dl',
			{ className: 'figures' },
			figure(
				'State',
				word(status.status, status.status === 'ready' ? 'good' : 'fair'),
				`${status.model_version ?? 'no model yet'}; up for ${since(status.uptime_s)}`,
			),
			figure(
				'Writer',
				status.writer,
				paused.texts || paused.pictures
					? el('span', { className: 'bad' }, 'The model server keeps failing: it is left alone for a while.')
					: (status.models?.join(', ') ?? ''),
			),
			figure('Spent today', budget.spent_usd === null ? '–' : usd(budget.spent_usd), left),
			figure(
				'Requests',
				num(requests.ok + requests.client_error + requests.server_error),
				el(
					'span',
					{},
					`${num(requests.client_error)} wrong, `,
					el('span', { className: failed ? 'bad' : '' }, `${num(failed)} failed`),
					', since the start',
				),
			),
			figure(
				'Overhead',
				overhead.p50 === null ? '–' : `${num(overhead.p50)}\u202fms`,
				overhead.p99 === null
					? 'without the model server'
					: `at most, for half of the requests; ${num(overhead.p99)}\u202fms for 99\u202f%; without the model server`,
			),
			figure('Free disk', bytes(status.disk_free_bytes), 'where uploads are kept'),
			figure(
				'Waiting uploads',
				status.uploads_waiting === null ? '–' : num(status.uploads_waiting),
				'for the next retraining',
			),
			figure(
				'Next retraining',
				status.next_retraining ? el('small', {}, when(status.next_retraining)) : 'None',
				status.next_retraining ? null : 'RETRAIN_SCHEDULE is off',
			),
			figure('Program', status.version, 'content-portal'),
		),
		el(
			'section',
			{},
			el('h2', {}, 'The last upload beside the training'),
			drift
				? driftSentence(drift)
				: para(
						'soft',
						'None since the start. After an upload this says how far its customers are from those trained on.',
					),
			drift?.columns ? drifts(drift) : null,
		),
	];
}

function since(seconds) {
	for (const [unit, word] of /** @type {[number, string][]} */ ([
		[86_400, 'day'],
		[3_600, 'hour'],
		[60, 'minute'],
	])) {
		if (seconds >= unit) return plural(Math.floor(seconds / unit), word);
	}
	return plural(Math.floor(seconds), 'second');
}
