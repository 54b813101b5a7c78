// The shell: which screen an address shows, where the focus goes, who is served, and the dialog for keys.
import { api, session } from './api.js';
import { all, fill, put, q } from './dom.js';
import { customers, segment, write } from './views/customers.js';
import { health } from './views/health.js';
import { models, report, retrain } from './views/models.js';
import { hasEdits, upload } from './views/upload.js';

/** The address of each screen, its part of the navigation, and what makes it. @type {[RegExp, string, any][]} */
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
  const path = decodeURI(location.hash.slice(1)).split('?')[0] || '/';
  const [screen, part, make] = SCREENS.find(([pattern]) => pattern.test(path)) ?? SCREENS[0];
  for (const link of all(document, '.nav a')) {
    if (link.getAttribute('href') === `#${part}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  main.setAttribute('aria-busy', 'true');
  main.replaceChildren(make({ parameter: screen.exec(path)?.[1], signal: leave.signal, again: () => show(true) }));
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
  const before = session.status.model_version;
  try {
    session.status = await api.status();
  } catch (problem) {
    if (problem.status === 401 && !session.status.status) session.status = { needs_key: true };
    else if (problem.status !== 429) session.status = { ...session.status, away: true };
  }
  const { away, needs_key, writer = 'starting', model_version: now } = session.status;
  const words = away ? 'not reachable' : needs_key ? 'key needed' : writer ?? 'starting';
  put(q(document, '#writer'), { textContent: words, className: `badge ${away ? 'bad' : ''}` });
  put(q(document, '#version'), { textContent: now?.slice(0, 16) ?? '', title: now ?? '' });
  q(document, '#keys').textContent = session.key || session.adminKey ? 'Keys (set)' : 'Keys';
  if (before && now && before !== now) document.dispatchEvent(new Event('version'));
}

/** Asks for keys; one that opens nothing is said so and not kept. */
function keys() {
  const dialog = fill('keys');
  const form = q(dialog, 'form');
  const fault = q(dialog, '[role=alert]');
  form.addEventListener('submit', async event => {
    if (event.submitter?.value !== 'use') return;
    event.preventDefault();
    fault.hidden = true;
    for (const field of ['key', 'adminKey']) {
      const input = form.elements[field];
      const key = input.value.trim();
      if (!key) continue;
      try {
        await api.tryKey(key, field === 'adminKey');
        session[field] = key;
      } catch (problem) {
        fault.textContent = problem.error;
        fault.hidden = false;
        return input.select();
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
document.addEventListener('changed', watch);
addEventListener('beforeunload', event => {
  if (hasEdits()) event.preventDefault();
});
await watch();
await show(true);
setInterval(() => {
  if (!document.hidden) watch();
}, WATCH_MS);
