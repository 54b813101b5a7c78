// The shell: which screen an address shows, where the focus goes, who is served, and the dialog for keys.
import { api, session } from './api.js';
import { all, fill, put, q } from './dom.js';
import { hasEdits } from './run.js';
import * as customers from './views/customers.js';
import * as health from './views/health.js';
import * as models from './views/models.js';
import * as report from './views/report.js';
import * as retrain from './views/retrain.js';
import * as segment from './views/segment.js';
import * as upload from './views/upload.js';
import * as write from './views/write.js';

/** @type {[RegExp, string, any][]} */
const SCREENS = [
	[/^\/$/, '/', customers],
	[/^\/upload$/, '/', upload],
	[/^\/segments\/(\d+)$/, '/', segment],
	[/^\/write$/, '/write', write],
	[/^\/models$/, '/models', models],
	[/^\/models\/([\w-]+)$/, '/models', report],
	[/^\/retrain$/, '/models', retrain],
	[/^\/health$/, '/health', health],
];
const WATCH_MS = 2_000;

const main = q(document, 'main');
let leave = new AbortController();

/** Shows the screen of the address; its heading takes the focus, but for the first. */
async function show(isFirst = false) {
	leave.abort();
	leave = new AbortController();
	const { signal } = leave;
	const path = decodeURI(location.hash.slice(1)).split('?')[0] || '/';
	const [screen, section, view] = SCREENS.find(([pattern]) => pattern.test(path)) ?? SCREENS[0];
	const parameters = (screen.exec(path) ?? []).slice(1);
	for (const link of all(document, '.nav a')) {
		if (link.getAttribute('href') === `#${section}`) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	}
	main.setAttribute('aria-busy', 'true');
	const page = view.show({ parameters, signal, again: () => show(true) });
	main.replaceChildren(...[page].flat());
	const heading = q(main, 'h1');
	document.title = `${heading.textContent} \u2013 content-portal`;
	heading.tabIndex = -1;
	if (!isFirst) {
		heading.focus({ preventScroll: true });
		scrollTo(0, 0);
	}
	main.removeAttribute('aria-busy');
}

/** Looks at the status: the header says it, and a new version is shown without a reload. */
async function watch() {
	const before = session.status?.model_version;
	try {
		session.status = await api.status();
	} catch (problem) {
		if (problem.status === 401 && !session.status) session.status = { needs_key: true };
		else if (problem.status !== 429) session.status = { ...session.status, away: true };
	}
	header();
	const now = session.status?.model_version;
	if (before && now && before !== now) document.dispatchEvent(new CustomEvent('version', { detail: now }));
}

function header() {
	const { status } = session;
	const writer = status.away ? 'not reachable' : status.needs_key ? 'key needed' : status.writer;
	put(q(document, '#writer'), { textContent: writer ?? 'starting', className: `badge ${status.away ? 'bad' : ''}` });
	put(q(document, '#version'), {
		textContent: status.model_version?.slice(0, 16) ?? '',
		title: status.model_version ?? '',
	});
	q(document, '#keys').textContent = session.key || session.adminKey ? 'Keys (set)' : 'Keys';
}

/** Asks for keys; one that opens nothing is said so and not kept. */
function keys() {
	const dialog = fill('keys');
	const form = q(dialog, 'form');
	const fault = q(dialog, '[role=alert]');
	form.addEventListener('submit', async event => {
		if (event.submitter?.value !== 'use') return;
		event.preventDefault();
		const given = new FormData(form);
		fault.hidden = true;
		for (const [field, admin] of /** @type {[string, boolean][]} */ ([
			['key', false],
			['admin', true],
		])) {
			const key = String(given.get(field)).trim();
			if (!key) continue;
			try {
				await api.tryKey(key, admin);
				session[admin ? 'adminKey' : 'key'] = key;
			} catch (problem) {
				fault.textContent = problem.error;
				fault.hidden = false;
				q(form, `[name=${field}]`).select();
				return;
			}
		}
		form.reset();
		dialog.close('used');
	});
	dialog.addEventListener('close', async () => {
		if (dialog.returnValue === 'forget') Object.assign(session, { key: '', adminKey: '' });
		dialog.remove();
		await watch();
		await show(true);
	});
	document.body.append(dialog);
	dialog.showModal();
}

q(document, '#keys').addEventListener('click', keys);
addEventListener('hashchange', () => show());
addEventListener('beforeunload', event => {
	if (hasEdits()) event.preventDefault();
});
await watch();
await show(true);
setInterval(() => {
	if (!document.hidden) watch();
}, WATCH_MS);
