// Retraining: what is due and waits, start one and watch it, and how the last ones ended.
import { api, closed } from '../api.js';
import { alert, ask, bytes, el, empty, fill, note, para, plural, put, q, table, title, when } from '../dom.js';
import { dropping } from '../campaign.js';

const TONE = { published: 'good', refused: 'bad', failed: 'bad', unchanged: '', locked: 'fair', running: '' };
const LOOK_MS = 1_500;

export function show({ signal }) {
	const live = el('section', { hidden: true });
	const past = el('section');
	const reason = closed();
	const page = el(
		'div',
		{},
		el('a', { href: '#/models', className: 'back' }, 'All versions'),
		el('h1', {}, 'Retrain'),
	);
	if (reason) page.append(empty('Retraining is for administrators', reason));
	else {
		page.append(
			para('lead', 'Trains on the base data and the uploads that wait. What the checks refuse changes nothing.'),
			asking(live, past, signal),
			live,
			past,
		);
		load(live, past, signal);
	}
	return page;
}

function asking(live, past, signal) {
	const form = fill('retrain', { problem: [], why: null });
	dropping(form, 'files', 'Add workbooks, if there are new ones');
	form.addEventListener('submit', async event => {
		event.preventDefault();
		const force = q(form, '[name=force]').checked;
		if (
			force &&
			!(await ask(
				'Publish whatever comes out?',
				el(
					'p',
					{},
					'A version that the checks would refuse becomes live, and every text is written for its segments.',
				),
				'Publish it all the same',
			))
		)
			return;
		const files = [...q(form, '[name=files]').files];
		const data = files.length ? new FormData() : undefined;
		for (const file of files) data.append('files', file);
		const go = q(form, '[data-k=go]');
		go.disabled = true;
		put(q(form, '[data-k=problem]'), []);
		watching(live, { step: 'starting', share: 0 });
		try {
			const outcome = await api.retrain(data, force, (name, progress) => watching(live, progress));
			ended(live, outcome);
			form.reset();
			q(form, '[name=files]').dispatchEvent(new Event('change'));
		} catch (problem) {
			live.hidden = true;
			put(q(form, '[data-k=problem]'), alert(problem));
		}
		go.disabled = false;
		load(null, past, signal);
	});
	return form;
}

/** The running job: its step, its share. */
function watching(live, { step, share }) {
	if (!q(live, 'progress')) {
		live.replaceChildren(
			el('h2', {}, 'Under way'),
			el('progress', { max: 1, value: 0, aria: { label: 'Retraining' } }),
			el('p', { role: 'status' }),
		);
		live.hidden = false;
	}
	q(live, 'progress').value = share ?? 0;
	q(live, 'p').textContent = `${title(step ?? 'starting')}, ${Math.round(100 * (share ?? 0))}\u202f%`;
}

function ended(live, job) {
	live.hidden = false;
	const words = {
		published: `Published: ${job.version} is live.`,
		refused: 'Refused: what was live stays live, and the uploads still wait.',
		unchanged: 'Unchanged: customers, schema and parameters are those of the live version.',
		locked: 'Another retraining is under way.',
		failed: job.error ?? 'It failed.',
	};
	const box = note(
		TONE[job.state] ?? '',
		words[job.state] ?? job.state,
		checks(job),
		job.version ? el('a', { href: `#/models/${job.version}` }, 'Read the report') : null,
	);
	box.setAttribute('role', 'status');
	live.replaceChildren(
		el('h2', {}, 'How it ended'),
		el('progress', { max: 1, value: 1, aria: { label: 'Retraining' } }),
		el('p', {}, '100\u202f%'),
		box,
	);
}

const checks = job =>
	job.failed_checks?.length
		? el(
				'ul',
				{},
				job.failed_checks.map(each => el('li', {}, each.sentence)),
			)
		: null;

async function load(live, past, signal) {
	try {
		const [{ jobs, next }, waiting] = await Promise.all([
			api.jobs({ signal }),
			api.uploads({ signal }).catch(() => null),
		]);
		past.replaceChildren(...parts(jobs, next, waiting));
		const running = live && jobs.find(job => job.state === 'running');
		if (running) follow(live, past, running, signal);
	} catch (problem) {
		if (!signal.aborted) past.replaceChildren(alert(problem));
	}
}

/** Watches a job that somebody else started. */
async function follow(live, past, job, signal) {
	watching(live, job);
	const timer = setInterval(async () => {
		const now = await api.job(job.job, { signal }).catch(() => null);
		if (!now) return;
		if (now.state === 'running') return watching(live, now);
		clearInterval(timer);
		ended(live, now);
		load(null, past, signal);
	}, LOOK_MS);
	signal.addEventListener('abort', () => clearInterval(timer));
}

function parts(jobs, next, waiting) {
	const due = next ? `Next by the schedule: ${when(next)}.` : 'No schedule is set (RETRAIN_SCHEDULE).';
	const rows = jobs
		.slice(0, 20)
		.map(job => [
			when(job.started_at),
			el('span', { className: `badge ${TONE[job.state] ?? ''}` }, job.state),
			job.asked_by,
			job.version ? el('a', { href: `#/models/${job.version}` }, job.version) : '–',
			[checks(job), job.left_out?.length ? `${plural(job.left_out.length, 'file')} left out` : null, job.error]
				.filter(Boolean)
				.flat(),
		]);
	return [
		el('h2', {}, 'Waiting uploads'),
		uploads(waiting),
		el('h2', {}, 'Latest retrainings'),
		para('soft', due),
		rows.length
			? table('Latest retrainings', [['Started'], ['Outcome'], ['Asked by'], ['Version'], ['Details']], rows)
			: para('soft', 'None since this server started.'),
	];
}

function uploads(waiting) {
	if (!waiting) return para('soft', 'They cannot be listed.');
	if (!waiting.uploads.length) return para('soft', 'None: what is uploaded waits here until a retraining reads it.');
	return table(
		'Uploads that the next retraining reads',
		[['Received'], ['Size', true], ['Id']],
		waiting.uploads.map(each => [
			when(each.received_at),
			bytes(each.bytes),
			el('span', { className: 'small' }, each.id),
		]),
	);
}
