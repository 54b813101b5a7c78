// An upload: a workbook and a campaign in, segments with their texts out, live; then edits, and a file with them. It
// goes on while other screens are looked at, and ends with the page. Edits are kept beside the answer, never in it.
import { api, session } from '../api.js';
import {
  alert, all, ask, called, el, fill, look, name, note, para, pct, plural, press, put, q, save, screen, section, toast,
  way,
} from '../dom.js';
import { facts, inWords } from '../traits.js';
import { campaign, dropping, mayLeave, mend, textCards } from '../writing.js';

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

/** Uploads a workbook and follows the work. @param {FormData} form */
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

/** Takes an answer that was kept as a file. */
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

/** Whether there are edits that no file holds. */
export const hasEdits = () => Boolean(session.upload?.edits.size);

/** The answer with the edits in it, as an export takes it. */
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

export function upload({ signal }) {
  const body = el('div');
  const draw = () => render(body);
  changes.addEventListener('change', draw, { signal });
  draw();
  return screen({ head: 'Upload', back: ['#/', 'Back to the customers'] }, body);
}

/** Either the form, or the upload at hand; cards that are there already stay. */
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
      + 'customers.xlsx. Every segment gets its own text, and you can edit it before it leaves.'),
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
    if (position === at) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
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

/** One segment with its texts. */
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
  const whom = id < 0 ? { cluster_id: id, persona: segment.persona } : { cluster_id: id };
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
