// Customers: the map, the segments, texts as cards that are edited and copied, and how the service is.
import { api, closed, here, session } from '../api.js';
import {
  STEADY, alert, ask, badge, bar, bring, bytes, called, copy, decided, details, driftSentence, drifts, el, empty,
  figure, fill, inWords, link, look, mark, mend, name, nodes, note, num, orFault, pairs, para, pct, personaOf, plural,
  press, put, q, save, screen, section, sends, span, steady, table, title, toast, usd, waiting, way, when, why,
} from '../dom.js';
import { mapFigure, shown } from '../map.js';

export function customers({ signal, again }) {
  const body = waiting('Looking at the live version…');
  const load = isNew => bring(body, signal, async () => {
    const [answer, map] = await Promise.all([api.segments({ signal }), orFault(api.map('', { signal }), signal)]);
    return overview(answer, map, isNew);
  }, problem => (problem.code === 'no_model' ? begin() : problem.code === 'starting'
    ? empty('No model yet', 'The first one is trained.', press('Look again', again)) : alert(problem)));
  load(false);
  document.addEventListener('version', () => load(true), { signal });
  return screen({ head: 'Customers', go: ['#/upload', 'Upload a workbook'] }, body);
}

export const begin = () => session.status.admin_key_is_set
  ? empty('No customers yet', 'Give a workbook to train on, or try the sample, customers.xlsx.',
    way('Train the first model', '#/retrain', '.go'))
  : empty('No customers yet', 'No ADMIN_KEY is set: put a workbook into base_data and start again, or set it.');

/** @param {Api['Segments']} answer @param {any} map */
function overview(answer, map, isNew) {
  const { segments, outside, model_version: version } = answer;
  const [many, of] = [plural(answer.customers, 'customer'), plural(segments.length, 'segment')];
  const day = version.replace(/(\d{4})(\d\d)(\d\d).*/, '$1-$2-$3');
  const lead = para('.lead', el('b', many), ' in ', el('b', of), `, as trained on ${day}.`,
    outside.customers ? ` ${plural(outside.customers, 'customer')} (${pct(outside.share)}) outside every one.` : '');
  const rows = segments.map(of => [
    name(of.cluster_id), num(of.customers), el('span', pct(of.share), bar(of.share, look(of.cluster_id).colour)),
    el('span.pre', of.persona_summary), inWords(of), steady(of.found_again), change(of),
  ]);
  return [
    isNew && put(note('good', `A new version is live: ${version}.`), { role: 'status' }),
    lead,
    decided(answer.decided_by),
    answer.trained_on_sample
      && note('', 'These customers are the sample\u2019s, and invented. Upload your own, then retrain.'),
    drawn(map),
    section('Segments', table('Segments with their size and what sets them apart', ['Segment', '#Customers', 'Share',
      'Who they are', 'What sets them apart', 'Found again', '#Since the version before'], rows),
    segments.some(of => of.found_again !== null) && para('.soft.small', STEADY)),
  ];
}

function drawn(map) {
  if (map instanceof Error) return alert(map);
  if (!map.points) return note('', 'This version was found without a map.');
  const { answer, file } = session.upload ?? {};
  const before = shown.plane?.canvas.isConnected ? shown.plane.spots() : undefined;
  const left = map.customers_left_out;
  const few = left ? `, and ${plural(left, 'customer')} of smaller groups are left out` : '';
  return [mapFigure(map, { upload: map.profile && answer?.places, file, before }),
    !map.profile && para('.soft.small', `Without the administrator\u2019s key a mark is ten customers or more${few}.`)];
}

/** @param {Api['TrainedSegment']} of */
function change({ before, fate, share }) {
  if (!before) return fate === 'new' ? 'new' : '–';
  const points = 100 * (share - before.share);
  return Math.abs(points) < 0.05 ? 'unchanged' : `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)} points`;
}

export function segment({ parameter, signal }) {
  const id = Number(parameter);
  const body = waiting('Looking at the segment…');
  bring(body, signal, async () => {
    const answer = await api.segments({ signal });
    const found = answer.segments.find(each => each.cluster_id === id);
    return found ? parts(found, answer) : empty('No such segment', `The live version, ${answer.model_version}, has no `
      + `segment ${id}. An earlier one may have had it.`, way('All customers', '#/'));
  });
  return put(screen({ head: [mark(look(id)), ` ${called(id)}`], back: ['#/', 'All customers'] }, body),
    { css: { '--c': look(id).colour } });
}

/** @param {Api['TrainedSegment']} of @param {Api['Segments']} answer */
function parts(of, answer) {
  const rest = of.as_everywhere?.length
    ? `As everywhere: ${of.as_everywhere.map(title).join(', ').toLowerCase()}.` : '';
  return [
    para('.lead.pre', of.persona_summary),
    el('dl.figures',
      figure('Customers', num(of.customers), `${pct(of.share)} of ${num(answer.customers)}`),
      figure('Since the version before', change(of),
        of.before ? `${num(of.before.customers)} customers before` : 'there is none to compare with'),
      figure('Found again', steady(of.found_again), of.found_again === null ? 'not measured' : STEADY),
      figure('Sets them apart', el('small', inWords(of, 3)))),
    decided(answer.decided_by),
    section('What to write to them', writing(of.cluster_id)),
    section('Why they are one segment', para('.soft', 'Bars: the share here; the line: everyone. ', rest), why(of)),
    section('Persona', personaOf(of.persona)),
    section('Your additions', extras(of)),
  ];
}

function writing(id) {
  const result = el('.cards', { aria: { live: 'polite' } });
  const form = el('form.fields', { noValidate: true }, campaign(), el('div', { data: { k: 'problem' } }),
    el('.row', el('button.go', 'Write for this segment')));
  writes(form, () => ({ cluster_id: id }), (answer, platform) => put(result, textCards(answer, { id, platform })));
  return el('.fields', form, result);
}

/** @param {Api['TrainedSegment']} of */
function extras(of) {
  const reason = closed();
  const form = fill('extras', { why: reason });
  const text = q(form, '#extras');
  text.value = Object.entries(of.extras).map(([key, words]) => `${key}: ${words}`).join('\n');
  text.disabled = q(form, '.go').disabled = Boolean(reason);
  return sends(form, 'Saving…', async () => {
    const lines = text.value.split('\n').filter(line => line.trim()).map(line => /^([^:]*):?(.*)$/.exec(line));
    const given = Object.fromEntries(lines.map(([, key, words]) => [key.trim(), words.trim()]));
    const answer = await api.extras(of.cluster_id, given, of.extras_etag);
    Object.assign(of, { extras: answer.extras, extras_etag: answer.etag });
    toast('Saved: the next text for this segment uses it.');
  });
}

const FIELDS = {
  location: 'Location', gender: 'Gender', loyalty_tier: 'Loyalty tier', join_year: 'Year joined',
  join_month: 'Month joined',
};

export function write({ signal }) {
  const result = el('div');
  const form = fill('write', { who: [], customer: [], campaign: campaign(), problem: [] });
  const customer = q(form, '[data-k=customer]');
  const offer = segments => {
    const who = [['everyone', 'Everyone'], ['described', 'A customer I describe'], ...segments];
    put(q(form, '[data-k=who]'), choices('who', '', who, q(form, '[name=who]:checked')?.value ?? 'everyone'));
  };
  const choose = who => {
    customer.hidden = who !== 'described';
    put(customer, customer.hidden ? [] : Object.entries(FIELDS).map(([name, words]) =>
      el('.field', { data: { field: name } }, el('label', { htmlFor: `c-${name}` }, words),
        el('input', { id: `c-${name}`, name, type: 'text', autocomplete: 'off' }))));
  };
  offer([]);
  choose('everyone');
  api.segments({ signal })
    .then(({ segments }) => offer(segments.map(({ cluster_id: id }) => [String(id), called(id)])))
    .catch(problem => signal.aborted || mend(form, problem));
  form.addEventListener('change', event => event.target.name === 'who' && choose(event.target.value));
  writes(form, who => (/^\d+$/.test(who) ? { cluster_id: Number(who) } : {}), (answer, platform) => {
    put(result, written(answer, platform));
    q(result, 'h2').focus();
  });
  const lead = 'A text for one segment, for one described customer, or for everyone.';
  return screen({ head: 'Write' }, para('.lead', lead), form, result);
}

/** @param {Api['GenerateAnswer']} answer @param {string} platform */
function written(answer, platform) {
  const { audience, cluster_id: id, cluster_strength: strength, cluster_confidence: confidence, persona } = answer;
  const isAll = audience === 'everyone' || id === null;
  const share = (head, of) => [head, of !== null && pct(of)];
  return section(isAll ? 'For everyone' : [mark(look(id)), ` For ${called(id).toLowerCase()}`],
    para('.soft.pre', answer.persona_summary ?? ''),
    pairs([share('Strength', strength), share('Confidence', confidence)]),
    answer.ignored?.map(field => note('fair', `${field} was not read.`)),
    answer.notes?.map(of => note('fair', of.sentence)),
    el('.cards', textCards(answer, { id, platform })),
    persona && details('The persona it is written for', personaOf(persona)));
}

const SETS = {
  platform: ['Where is it published?', 'platforms', 'Instagram'],
  tone: ['Tone', 'tones', 'Casual'],
  funnel_stage: ['How close to buying?', 'funnel_stages', 'Awareness'],
  past_engagement: ['How did they react before?', 'past_engagement', 'Moderate'],
  post_type: ['What is made?', 'post_types', 'TextAndPrompt'],
};
const SAID = {
  TextAndPrompt: 'Text and image prompt', ImagePrompt: 'Image prompt', Both: 'Text and picture', Image: 'Picture',
};

export const choices = (field, legend, values, chosen) =>
  el('fieldset.field', { data: { field } }, legend && el('legend', legend), el('.choices', values.map(([value, text]) =>
    el('label.choice', el('input', { type: 'radio', name: field, value, checked: value === chosen }),
      el('span', text)))));

export function campaign(before = session.upload?.campaign ?? {}) {
  const sets = Object.entries(SETS).map(([field, [legend, list, usual]]) => {
    const names = (session.status.options?.[list] ?? []).map(each => each.name ?? each);
    return [field, choices(field, legend, names.map(name => [name, SAID[name] ?? name]), before[field] ?? usual)];
  });
  const root = fill('campaign', Object.fromEntries(sets));
  for (const field of ['objective', 'industry', 'num_variants'])
    if (before[field]) q(root, `[name=${field}]`).value = before[field];
  return root;
}

export const writes = (form, audience, show) =>
  sends(form, 'Writing…', async ({ who, ...inputs }) =>
    show(await api.write({ ...inputs, ...audience(who) }), inputs.platform));

const limitOf = platform => session.status.options?.platforms.find(each => each.name === platform)?.max_chars ?? null;
const length = text => [...text].length;
const over = (text, platform) => Math.max(0, length(text) - (limitOf(platform) ?? Infinity));

/** Whether a text may leave: past its platform's limit it is asked. */
export async function mayLeave(text, platform, way) {
  const many = over(text, platform);
  const words = `It is ${num(many)} characters over the ${num(limitOf(platform))} that ${platform} takes.`;
  return !many || ask('This text is too long', words, `${way} all the same`);
}

/** The cards of one answer. `textOf` and `edited` read and keep a variant's text.
 * @param {{ id: number | null, platform: string, textOf?: any, edited?: any, actions?: any[] }} how */
export function textCards(content, how) {
  const n = Math.max(content.variants?.length ?? 0, content.images?.length ?? 0, 1);
  return Array.from({ length: n }, (_, at) => {
    const head = n > 1 ? `Variant ${at + 1} of ${n}` : 'Text';
    const drawn = { editor: content.image_prompt, count: null, actions: how.actions };
    const card = fill('text', {
      head,
      badges: badges(content.flags),
      picture: picture(content, at, how.id),
      slogan: content.slogan && at === 0 ? `\u201c${content.slogan}\u201d` : null,
      ...(content.text || content.variants?.length ? editor(content, at, head, how) : drawn),
      more: more(content, at),
    });
    if (how.id !== null) card.style.setProperty('--c', look(how.id).colour);
    return card;
  });
}

function editor(content, at, head, how) {
  const { id, platform, textOf, edited, actions = [] } = how;
  const limit = limitOf(platform);
  const count = el('span', { aria: { live: 'polite' } });
  const whom = id === null ? 'the audience' : called(id).toLowerCase();
  const area = el('textarea', {
    value: textOf?.(at) ?? content.variants?.[at] ?? content.text ?? '',
    rows: 8, dir: 'auto', spellcheck: true, aria: { label: `${head}, for ${whom}` },
    on: {
      input() {
        edited?.(at, area.value);
        judge();
      },
      copy: () => over(area.value, platform) && toast(`This text is too long for ${platform}.`),
    },
  });
  const judge = () => {
    const [n, many] = [length(area.value), over(area.value, platform)];
    const of = limit === null ? 'characters' : `of ${num(limit)} characters`;
    const rest = many ? `: ${num(many)} too many for ${platform}` : limit === null ? '' : ` for ${platform}`;
    put(count, { textContent: `${num(n)} ${of}${rest}`, className: many ? 'over' : 'soft' });
    put(area, { aria: { invalid: String(many > 0) } });
  };
  judge();
  const copyIt = async () => {
    if (await mayLeave(area.value, platform, 'Copy')) await copy(area.value, 'Text');
  };
  return { editor: area, count, actions: [press('Copy text', copyIt, '.small-button'), at === 0 && actions] };
}

const FLAGS = {
  is_offline: 'offline', is_trimmed: 'shortened to fit', is_repaired: 'repaired', is_unstructured: 'unstructured',
  is_without_offer: 'without the offer',
};
const badges = (flags = {}) => Object.entries(FLAGS).filter(([flag]) => flags[flag]).map(([, words]) => badge(words));

function picture({ images, image_error, slogan, image_prompt }, at, id) {
  const url = images?.[at];
  if (!url) return image_error && at === 0 ? alert({ error: image_error.message }) : null;
  const alt = nodes(slogan, image_prompt).join(' \u2013 ').slice(0, 300) || 'A picture without a description';
  const file = `${id === null ? 'audience' : `segment-${id}`}-${at + 1}.png`;
  const download = async () => save(await api.picture(here(url), file), file);
  return el('figure', el('img', { src: here(url), alt, loading: 'lazy' }),
    el('figcaption', press('Download the picture', download, '.plain')));
}

function more(content, at) {
  const { model, image_model, tokens, cost_usd, image_prompt, prompt_used } = content;
  const { utm, content_id } = content.tracking?.[at] ?? {};
  const facts = nodes(
    model && `Written by ${model}`, image_model && `drawn by ${image_model}`,
    tokens && `${num(tokens.prompt + tokens.completion)} tokens`, cost_usd !== undefined && usd(cost_usd),
  );
  const part = (head, text) => text && [
    el('h3', head),
    el('pre', { tabIndex: 0, aria: { label: head }, role: 'region' }, text),
    press(`Copy the ${head.toLowerCase()}`, () => copy(text, head), '.plain'),
  ];
  return [
    details('How it was made', para('.soft.small', `${facts.join(', ')}.`),
      part('Image prompt', image_prompt), part('Prompt', prompt_used)),
    utm && details('How its success is counted',
      para('.soft.small', 'Behind the ? of a link, it lets sales by it be counted.'),
      part('Link parameters', utm), part('Content id', content_id)),
  ];
}

const LOOK_MS = 5_000;

export function health({ signal }) {
  const body = waiting('Asking the service…');
  const load = () => bring(body, signal, async () => state(await api.status({ signal })));
  load();
  const timer = setInterval(() => document.hidden || load(), LOOK_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return screen({ head: 'Health' }, body,
    el('p', link('The API, to read and to try', 'docs/'), ' · ', link('Metrics for Prometheus', 'metrics')));
}

/** @param {Api['Status']} of */
function state(of) {
  const { budget, requests, overhead_ms: overhead, upstream_paused: paused, drift } = of;
  const isPaused = paused.texts || paused.pictures;
  const failed = requests.server_error;
  const ms = n => `${num(n)}\u202fms`;
  return [
    el('dl.figures',
      figure('State', badge(of.status.replace('_', ' '), of.status === 'ready' ? 'good' : 'fair'),
        `${of.model_version ?? 'no model yet'}; up for ${span(of.uptime_s)}`),
      figure('Writer', of.writer ?? '–', isPaused
        ? el('span.bad', 'The model server keeps failing: it is left alone for a while.')
        : of.models.map(model => el('div', model))),
      figure('Spent today', budget.spent_usd === null ? '–' : usd(budget.spent_usd), budget.limit_usd === null
        ? 'No limit is set (DAILY_BUDGET_USD).' : `of ${usd(budget.limit_usd)}; anew at ${when(budget.resets_at)}`),
      figure('Requests', num(requests.ok + requests.client_error + failed), [`${num(requests.client_error)} wrong, `,
        el('span', { className: failed ? 'bad' : '' }, `${num(failed)} failed`), ', since the start']),
      figure('Overhead', overhead.p50 === null ? '–' : ms(overhead.p50), overhead.p99 !== null
        && `for half of the requests, ${ms(overhead.p99)} for 99\u202f%, without the model server`),
      figure('Free disk', bytes(of.disk_free_bytes), 'where uploads are kept'),
      figure('Waiting uploads', num(of.uploads_waiting), 'for the next retraining'),
      figure('Next retraining', of.next_retraining ? el('small', when(of.next_retraining)) : 'None',
        !of.next_retraining && 'RETRAIN_SCHEDULE is off'),
      figure('Program', of.version)),
    section('The last upload beside the training', drift ? [driftSentence(drift), drift.columns && drifts(drift)]
      : para('.soft', 'None since the start.')),
  ];
}
