// The shell: screens by their addresses, the status, keys; and the upload, which ends with the page, not with its
// screen. Edits are kept beside its answer.
import { api, session } from './api.js';
import {
  alert, all, ask, called, dropping, el, facts, fill, inWords, look, mend, name, note, para, pct, plural, press, put,
  q, save, screen, section, toast, way,
} from './dom.js';
import { begin, campaign, customers, health, mayLeave, segment, textCards, write } from './views/customers.js';
import { models, report, retrain } from './views/models.js';

/** Address, part of the navigation, screen. @type {[RegExp, string, any][]} */
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

async function show(isFirst = false) {
  leave.abort();
  leave = new AbortController();
  const path = decodeURI(location.hash.slice(1)).split('?')[0] || '/';
  const [screen, part, make] = SCREENS.find(([pattern]) => pattern.test(path)) ?? SCREENS[0];
  for (const link of all(document, '.nav a')) {
    put(link, { aria: { current: link.getAttribute('href') === `#${part}` ? 'page' : 'false' } });
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

async function watch() {
  const { status: known, model_version: before } = session.status;
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
  if (known && now && before !== now) document.dispatchEvent(new Event('version'));
}

/** Asks for keys; one that opens nothing is not kept. */
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

const STEPS = { reading: 'Reading', grouping: 'Grouping', writing: 'Writing' };
const changes = new EventTarget();
const tell = () => changes.dispatchEvent(new Event('change'));
/** The file that was chosen last, for the form after a failure. @type {FileList | null} */
let chosen = null;

/** @returns {any} */
const begun = (file, campaign) => ({
  file, campaign, state: 'busy', step: 'sending', rows: 0, done: 0, of: 0,
  segments: [], answer: null, problem: null, edits: new Map(), cancel() {},
});

async function start(form) {
  const leaving = new AbortController();
  const { file, ...inputs } = /** @type {any} */ (Object.fromEntries(form));
  const run = begun(file.name, inputs);
  run.cancel = () => leaving.abort();
  session.upload = run;
  tell();
  try {
    run.answer = await api.upload(form, leaving.signal, (event, data) => {
      if (event === 'segment') run.segments.push(data);
      else if (event === 'progress') Object.assign(run, data);
      tell();
    });
    Object.assign(run, { segments: run.answer.segments, state: 'done' });
  } catch (problem) {
    Object.assign(run, { problem, state: leaving.signal.aborted ? 'cancelled' : 'failed' });
  }
  tell();
}

async function open(file) {
  let answer;
  try {
    answer = JSON.parse(await file.text());
  } catch {
    throw { error: `${file.name} is not JSON.` };
  }
  if (!Array.isArray(answer?.segments))
    throw { error: `${file.name} is not an upload\u2019s answer: it has no list \u201csegments\u201d.` };
  const { segments, rows, clusters } = answer;
  session.upload = Object.assign(begun(file.name, clusters?.[0]?.campaign_inputs ?? {}), {
    answer, segments, state: 'done', step: 'writing', rows: rows?.rows_used ?? 0,
  });
  tell();
}

const key = (segment, at) => `${segment.cluster_id}:${at}`;
const textOf = (segment, at) =>
  session.upload.edits.get(key(segment, at)) ?? segment.content?.variants?.[at] ?? segment.content?.text ?? '';

function edit(segment, at, text) {
  if (text === segment.content?.variants?.[at]) session.upload.edits.delete(key(segment, at));
  else session.upload.edits.set(key(segment, at), text);
}

const hasEdits = () => Boolean(session.upload?.edits.size);

/** The answer with the edits in it. */
function edited({ answer }) {
  const segments = answer.segments.map(segment => {
    if (!segment.content?.variants) return segment;
    const variants = segment.content.variants.map((_, at) => textOf(segment, at));
    return { ...segment, content: { ...segment.content, text: variants[0] ?? segment.content.text, variants } };
  });
  const texts = new Map(segments.map(segment => [segment.cluster_id, segment.content?.text]));
  const clusters = answer.clusters?.map(cluster =>
    ({ ...cluster, default_post: texts.get(cluster.cluster_id) ?? cluster.default_post }));
  return { ...answer, segments, ...(clusters && { clusters }) };
}

function upload({ signal }) {
  const body = el('div');
  const draw = () => render(body);
  changes.addEventListener('change', draw, { signal });
  draw();
  return screen({ head: 'Upload', back: ['#/', 'Back to the customers'] }, body);
}

function render(body) {
  const run = session.upload;
  if (!run || run.state === 'failed' || run.state === 'cancelled') {
    const form = q(body, 'form');
    if (form) fail(form, run);
    else put(body, asking(run));
    return;
  }
  if (body.run !== run) {
    body.run = run;
    put(body, following(run));
  }
  update(body, run);
}

function asking(before) {
  if (session.status.status === 'no_model') return begin();
  const form = fill('upload', { campaign: campaign(), problem: [] });
  const [file, kept] = ['[name=file]', '[data-k=kept]'].map(selector => q(form, selector));
  dropping(form, 'file');
  if (chosen && before) {
    file.files = chosen;
    file.dispatchEvent(new Event('change'));
  }
  form.addEventListener('submit', event => {
    event.preventDefault();
    const none = [{ field: 'file', message: 'is missing: choose one first' }];
    if (!file.files.length) return mend(form, { details: none });
    const data = new FormData(form);
    for (const [field, value] of [...data]) if (value === '') data.delete(field);
    chosen = file.files;
    start(data);
  });
  q(form, '[data-k=open]').addEventListener('click', () => kept.click());
  kept.addEventListener('change', () => open(kept.files[0]).catch(problem => mend(form, problem)));
  if (before) fail(form, before);
  return [
    !before && para('.lead', 'No uploads yet: drop a workbook here, or try the sample, base_data/2026-01-01/'
      + 'customers.xlsx. Every segment gets its own text.'),
    form,
  ];
}

function fail(form, run) {
  if (run?.state !== 'cancelled') return mend(form, run?.problem);
  put(q(form, '[data-k=problem]'), note('', 'Cancelled: the work has ended, and nothing is kept of it.'));
}

const following = run => [
  para('.lead', el('b', run.file), el('span', { data: { k: 'state' } })),
  el('ol.steps', { aria: { label: 'Steps' } }, Object.entries(STEPS).map(([step, words]) =>
    el('li.step', { data: { step } }, el('b', words), el('span')))),
  el('p.sr', { role: 'status', data: { k: 'told' } }),
  el('.row', { data: { k: 'actions' } }),
  el('div', { data: { k: 'facts' } }),
  el('.fields', { data: { k: 'cards' } }),
];

function update(body, run) {
  const part = key => q(body, `[data-k=${key}]`);
  const isDone = run.state === 'done';
  const at = isDone ? 3 : Object.keys(STEPS).indexOf(run.step);
  const many = run.of ? `${run.done} of ${run.of}` : '';
  const counts = [run.rows && plural(run.rows, 'row'), at > 1 && 'done', many];
  all(body, '.step').forEach((step, position) => {
    step.dataset.is = position < at ? 'done' : position === at ? 'now' : 'waits';
    put(step, { aria: { current: position === at ? 'step' : 'false' } });
    q(step, 'span').textContent = position <= at ? counts[position] || '' : 'waits';
  });
  part('told').textContent = isDone ? 'Done' : `${run.step} ${many}`;
  put(part('state'), isDone ? ` is grouped into ${plural(run.segments.length, 'segment')}.` : ' is on its way.');
  const cards = part('cards');
  run.segments.forEach((segment, position) => {
    const there = cards.children[position];
    const { state } = run;
    if (there?.content === segment.content && there.state === state) return;
    const card = Object.assign(block(run, segment), { content: segment.content, state });
    if (there) return there.replaceWith(card);
    card.classList.add('arrives');
    cards.append(card);
  });
  if (body.state === run.state) return;
  body.state = run.state;
  put(part('actions'), isDone ? exits(run) : press('Cancel', run.cancel));
  put(part('facts'), isDone ? facts(run.answer) : []);
}

function block(run, segment) {
  const { cluster_id: id, content = {} } = segment;
  const again = words => press(words, () => regenerate(run, segment), '.small-button');
  const cards = content.error
    ? el('.card', alert({ error: content.error.message }), content.regenerate && again('Write it again'))
    : textCards(content, {
      id: id < 0 ? null : id,
      platform: run.campaign.platform ?? 'Instagram',
      textOf: at => textOf(segment, at),
      edited: (at, text) => edit(segment, at, text),
      actions: run.state === 'done' ? [again('Write it anew')] : [],
    });
  return put(section(name(id),
    el('p', el('b', plural(segment.size, 'customer')), `, ${pct(segment.share)}. `, el('span.soft', inWords(segment))),
    para('.soft.pre', segment.persona_summary), el('.cards.wide', cards),
  ), { aria: { label: called(id) }, data: { segment: String(id) }, css: { '--c': look(id).colour } });
}

async function regenerate(run, segment) {
  const { cluster_id: id, content } = segment;
  const own = [...run.edits.keys()].filter(key => key.startsWith(`${id}:`));
  const words = 'Your edits of this segment will be replaced. Those of other segments stay.';
  if (own.length && !(await ask('Write it anew?', words, 'Write it anew'))) return;
  const { num_variants = 1, ...campaign } = run.campaign;
  // What sets the upload's customers apart; else it is written for those of the training.
  const { persona, size, described_by, distinguishing, not_distinguishing, as_everywhere } = segment;
  const described = { size, described_by, distinguishing, not_distinguishing, as_everywhere };
  const whom = { cluster_id: id, ...(id < 0 && { persona }), ...(distinguishing && described) };
  const body = { ...campaign, num_variants: Number(num_variants), ...whom };
  const answer = await api.rewrite(content?.regenerate?.body ?? body);
  segment.content = { ...answer, error: undefined };
  for (const key of own) run.edits.delete(key);
  tell();
  toast(`Segment ${id} is written anew.`);
}

function exits(run) {
  const exportAs = (format, words, style = '') => press(words, async () => {
    for (const segment of run.segments)
      if (!(await mayLeave(textOf(segment, 0), run.campaign.platform ?? 'Instagram', 'Export'))) return;
    save(format === 'json' ? edited(run) : await api.export(edited(run), format), `segments.${format}`);
    toast(`segments.${format} is saved, with your edits.`);
  }, style);
  const another = async () => {
    const isLost = hasEdits() && !(await ask('Leave this upload?', 'Its edits are not in any file yet.', 'Leave it'));
    if (isLost) return;
    session.upload = null;
    tell();
  };
  return [
    exportAs('xlsx', 'Export as a workbook', '.go'), exportAs('csv', 'Export as CSV'),
    exportAs('json', 'Keep the answer'),
    way('See it on the map', '#/'), press('Another upload', another, '.plain'),
  ];
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
