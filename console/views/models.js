// Versions, reports, trainings, ways to train compared.
import { api, closed } from '../api.js';
import {
  STEADY, alert, all, ask, badge, bar, bring, bytes, dec, decided, decidedShort, details, driftSentence, drifts,
  dropping, el, empty, fill, link, look, mend, name, note, num, orFault, pairs, para, pct, plural, press, put, q, save,
  screen, section, sends, span, steady, table, title, toast, way, when,
} from '../dom.js';
import { mapFigure } from '../map.js';

function forAdmins(signal, make) {
  const reason = closed();
  const body = el('div', reason && empty('For administrators', reason));
  if (!reason) bring(body, signal, make);
  return body;
}

export function models({ signal, again }) {
  const body = forAdmins(signal, async () => versions(await api.models({ signal }), signal));
  document.addEventListener('version', again, { signal });
  return screen({ head: 'Models', go: ['#/retrain', 'Retrain'] }, body);
}

/** @param {Api['Versions']} answer @param {AbortSignal} signal */
function versions({ versions: list, live }, signal) {
  if (!list.length) return empty('No versions yet',
    'A retraining makes the first one.',
    way('Retrain', '#/retrain', '.go'));
  const result = el('section', { hidden: true, aria: { live: 'polite' } });
  const hint = el('span.why');
  const chosen = () => all(rows, '[name=compare]:checked').map(box => box.value);
  const compareIt = press('Compare two', () => compare(result, chosen(), signal));
  const count = () => {
    const n = chosen().length;
    compareIt.disabled = n !== 2;
    put(hint, n === 2 ? '' : n > 2 ? 'Choose two only.' : 'Choose two versions below.');
  };
  const rows = table('Versions of the model, the newest first',
    ['Version', '#Customers', '#Segments', '#Outside', 'Found again, least', 'What decides', 'State', 'Action'],
    list.map(of => row(of, list, live)));
  rows.addEventListener('change', count);
  count();
  const scores = list.find(of => of.version === live)?.scores;
  return [
    decided(scores?.decided_by, true),
    para('.lead', 'Each retraining makes a version. One is live; another can take its place.'),
    el('.row', compareIt, hint), rows, result, comparing(signal),
  ];
}

/** @param {Api['Version']} of @param {Api['Version'][]} list @param {string} live */
function row(of, list, live) {
  const { version, created_at: made } = of;
  const scores = /** @type {any} */ (of.scores ?? {});
  const isLive = version === live;
  const makeLive = async () => {
    const before = list.find(each => each.version === live);
    const both = `${version} (${when(made)}) takes the place of ${live} (${when(before?.created_at)}).`;
    if (!(await ask('Make this version live?', `${both} You can go back at any time.`, 'Make it live'))) return;
    await api.activate(version);
    toast(`${version} is live.`);
    changed();
  };
  const box = el('input', { type: 'checkbox', name: 'compare', value: version, aria: { label: `Compare ${version}` } });
  return [
    [el('label.check', box, link(when(made), `#/models/${version}`)), el('.small.soft', version)],
    num(scores.rows), num(scores.clusters), pct(scores.noise_share), steady(scores.least_jaccard),
    decidedShort(scores.decided_by),
    el('span.row', isLive && badge('live', 'good'), of.trained_on_sample && badge('sample'),
      of.fault && el('span.bad', of.fault)),
    isLive ? el('span.why', 'It is live.') : press('Make it live', makeLive, '.small-button'),
  ];
}

async function compare(result, chosen, signal) {
  result.hidden = false;
  put(result, para('.soft', 'Comparing…'));
  await bring(result, signal, async () => {
    const [a, b] = await Promise.all(chosen.sort().map(version => api.report(version, { signal })));
    const rows = lines(a, b);
    const every = el('input', { type: 'checkbox' });
    const place = el('div');
    const draw = () => {
      const some = every.checked ? rows : rows.filter(([, x, y]) => x !== y);
      put(place, some.length ? table(chosen.join(' beside '), ['What', when(a.at), when(b.at)], some)
        : empty('Nothing differs', 'Both versions have the same scores, parameters, files and segments.'));
    };
    every.addEventListener('change', draw);
    draw();
    return [el('h2', { tabIndex: -1 }, 'What differs'), el('label.check', every, 'Show everything'), place];
  });
  q(result, 'h2')?.focus();
}

function lines(a, b) {
  const size = ({ cluster_id: id, customers, share }) => [id, `${num(customers)} (${pct(share)})`];
  const both = (head, key) => {
    const [left, right] = [a, b].map(report => new Map(flat(key(report))));
    const of = [...new Set([...left.keys(), ...right.keys()])];
    return of.map(each => [`${head} ${each}`, left.get(each) ?? '–', right.get(each) ?? '–']);
  };
  return [
    ['Verdict', a.verdict, b.verdict],
    ['Files', a.files.join(', '), b.files.join(', ')],
    ...both('Score:', of => of.scores), ...both('Segment', of => Object.fromEntries(of.segments.map(size))),
    ...both('Parameter:', of => of.params), ...both('Limit:', of => of.limits),
  ];
}

const flat = (of, prefix = '') => Object.entries(of ?? {}).flatMap(([key, each]) => {
  if (each && typeof each === 'object' && !Array.isArray(each)) return flat(each, `${prefix}${key}.`);
  const is = typeof each === 'number' ? Number(each.toPrecision(5)) : each ?? 'by itself';
  return [[prefix + key, String(is)]];
});

const VERDICTS = {
  passed: ['good', 'Published: no check refused it.'],
  first_version: ['fair', 'Published as the first version: no other was live.'],
  forced: ['fair', 'Published by force: the checks would have refused it.'],
  refused: ['bad', 'Refused: what was live stayed live.'],
};
const CHECKS = {
  profiles: 'Distinct profiles', clusters: 'Segments', noise_share: 'Share outside every segment', dbcv: 'DBCV',
  files_changed: 'Files that came back changed', golden_sample: 'Golden sample placed as before',
  own_files: 'Files of your own customers', least_jaccard: 'Least stable segment, found again',
  deciding_columns: 'Columns that decide the segments', told_bits: 'Bits that segments surely tell of a customer',
  new_outside_share: 'New customers outside every segment', left_out_share: 'Customers’ rows that could not be used',
  left_out_rise: 'How many more than before',
};

export function report({ parameter: version, signal }) {
  const body = forAdmins(signal, async () => {
    const map = api.map(version, { signal }).catch(() => null);
    return parts(version, await api.report(version, { signal }), await map);
  });
  return screen({ head: 'Report', back: ['#/models', 'All versions'] }, para('.soft', version), body);
}

function parts(version, it, map) {
  const [tone, words] = VERDICTS[it.verdict] ?? ['', it.verdict];
  const read = [...it.files.map(file => [file, 'read']), ...it.skipped.map(({ file, why }) => [file, why])];
  return [
    decided(it.scores?.decided_by),
    note(tone, words, it.trained_on_sample && 'Trained on the sample: its customers are invented.'),
    el('.row', press('Download the page', async () => save(await api.reportPage(version), `report-${version}.html`)),
      press('Download the JSON', () => save(it, `report-${version}.json`))),
    section('Segments, before and now', segments(it), it.refit && para('.soft.small', STEADY)),
    section('Map', map?.points ? mapFigure(map) : note('', 'This version has no map.')),
    section('Checks', table('Checks of the gate', ['Check', '#Value', '#Bound', 'Outcome'], it.gate.map(check))),
    it.drift && section('Drift since the version before', driftSentence(it.drift), drifts(it.drift)),
    section('Scores', scores(it)),
    it.comparison && section('Ways to train', compared({ comparison: it.comparison, ended_at: it.at })),
    section('Files', el('p', `${num(it.cleaning?.rows_read)} rows read.`),
      table('Files', ['File', 'What became of it'], read)),
    details('Parameters and time', pairs(flat({ ...it.params, seconds: it.seconds }))),
  ];
}

function segments({ segments: now, matching, live, refit }) {
  const kept = new Map([...matching.kept, ...(matching.returned ?? [])].map(of => [of.cluster_id, of]));
  const again = new Map(refit?.stability.map(of => [of.cluster_id, of.jaccard]));
  const whole = live?.scores.rows ?? 1;
  const rows = now.map(of => {
    const { cluster_id: id, share, customers } = of;
    const before = kept.get(id);
    const isBack = matching.returned?.includes(before);
    return [
      name(id), before ? `${num(before.customers_before)} (${pct(before.customers_before / whole)})` : '–',
      num(customers), el('span', pct(share), bar(share, look(id).colour)),
      before ? `${isBack ? 'is back' : 'goes on'}, ${pct(before.shared / Math.max(customers, 1))} shared` : 'new',
      steady(again.get(id)),
      of.persona_summary,
    ];
  });
  const gone = matching.vanished.map(of =>
    [name(of.cluster_id, false), num(of.customers_before), '–', '–', 'is gone', '–', '']);
  return table('Segments before and now', ['Segment', '#Before', '#Now', 'Share', 'Fate', 'Found again', 'Traits'],
    [...rows, ...gone]);
}

function check({ name, value, bound, limit, passed, is_tolerated, detail }) {
  const isShare = /_share|golden_sample|jaccard/.test(name);
  const say = n => (n === null ? 'undefined' : isShare ? pct(n) : num(Number(n.toFixed(4))));
  const mark = passed ? badge('passed', 'good') : is_tolerated ? badge('tolerated', 'fair') : badge('failed', 'bad');
  return [CHECKS[name] ?? title(name), say(value), `${bound === 'at_least' ? 'at least' : 'at most'} ${say(limit)}`,
    el('span', mark, detail && ` ${detail}`)];
}

function scores({ scores: now, live }) {
  if (!now) return note('', 'Nothing was fitted.');
  /** @type {any[][]} */
  const shown = [
    ['Customers', 'rows', num], ['Distinct profiles', 'profiles', num], ['Segments', 'clusters', num],
    ['Outside every segment', 'noise_share', pct], ['Least stable segment, found again', 'least_jaccard', pct],
    ['What segments tell of a customer, in bits', 'told', of => dec(of?.bits)],
    ['Trustworthiness of the map (1 is best)', 'trustworthiness', dec],
    ['Silhouette, which is high also where there is nothing', 'silhouette', dec],
    ['DBCV, which is high also where there is nothing', 'dbcv', dec],
  ];
  const rows = shown.filter(([, key]) => (now[key] ?? null) !== null).map(([head, key, say]) => {
    const cells = [head, say(now[key]), live ? say(live.scores[key]) : '–'];
    return /silhouette|dbcv/.test(key) ? cells.map(of => el('span.soft', of)) : cells;
  });
  return table('Scores beside those of the version before', ['Score', '#Now', '#Before'], rows);
}

const TONE = { published: 'good', refused: 'bad', failed: 'bad', locked: 'fair', ended: 'fair' };
const ENDED = {
  refused: 'Refused: what was live stays live, and the uploads still wait.',
  unchanged: 'Unchanged: the live version was trained on the same.',
  locked: 'Another retraining is under way.',
  ended: 'It was ended by request.',
};

export function retrain({ signal }) {
  const body = forAdmins(signal, async () => retraining(signal));
  return screen({ head: 'Retrain', back: ['#/models', 'All versions'] }, body);
}

function retraining(signal) {
  const live = el('section', { hidden: true });
  const past = el('div');
  const load = () => bring(past, signal, async () => {
    const asked = [api.jobs({ signal }), orFault(api.uploads({ signal }), signal)];
    const [{ jobs, next }, waiting] = await Promise.all(asked);
    const running = jobs.find(job => job.state === 'running');
    if (running && live.hidden) join(live, 'Under way', running, signal, form).then(load);
    return [section('Waiting uploads', uploads(waiting, load)), section('Latest retrainings', latest(jobs, next))];
  });
  const form = fill('retrain');
  dropping(form, 'files');
  sends(form, 'Training…', async () => {
    const force = form.elements.force.checked;
    if (force && !(await ask('Publish whatever comes out?', 'Also what the checks refuse.', 'Publish it'))) return;
    const { files } = form.elements;
    try {
      await watch(live, 'Under way', told => api.retrain(formOf('files', [...files.files]), force, told));
      form.reset();
      files.dispatchEvent(new Event('change'));
    } finally {
      load();
    }
  });
  load();
  return [para('.lead', 'Trains on base data and waiting uploads. What is refused changes nothing.'), form, live, past];
}

const changed = () => document.dispatchEvent(new Event('changed'));

async function watch(live, head, begin) {
  const bar = el('progress', { max: 1, value: 0, aria: { label: head } });
  const words = el('p', { role: 'status' }, 'Starting');
  live.hidden = false;
  put(live, [el('h2', head), bar, words]);
  try {
    const job = await begin((_, { step, share, seconds_left: left }) => {
      bar.value = share;
      const time = Number.isFinite(left) ? `; about ${span(Math.max(left, 1))} left` : '';
      put(words, `${title(step)}, ${Math.round(100 * share)}\u202f%${time}`);
    });
    put(live, [el('h2', 'How it ended'), put(bar, { value: 1 }), el('p', '100\u202f%'), outcome(job)]);
    if (job.state === 'published') {
      toast(`${job.version} is live.`);
      changed();
    }
    return job;
  } catch (problem) {
    live.hidden = true;
    throw problem;
  }
}

const join = (live, head, { job }, signal, form) =>
  watch(live, head, told => api.job(job, signal, told)).catch(problem => signal.aborted || mend(form, problem));

function formOf(field, values) {
  const form = new FormData();
  for (const value of values) form.append(field, value);
  return values.length ? form : undefined;
}

const reported = ({ version, report }) => version ?? report?.split('/')[2];

/** @param {Api['Retraining']} job */
const outcome = job => put(note(TONE[job.state] ?? '',
  job.state === 'published' ? `Published: ${job.version} is live.` : ENDED[job.state] ?? job.error ?? title(job.state),
  failings(job), reported(job) && link('Read the report', `#/models/${reported(job)}`)), { role: 'status' });

function failings({ failed_checks: checks, left_out: files }) {
  const words = [...checks.map(of => of.sentence), ...files.map(of => `${of.file}: ${of.why}`)];
  return words.length > 0 && el('ul', words.map(each => el('li', each)));
}

/** @param {Api['Retraining'][]} jobs @param {string | null} next */
function latest(jobs, next) {
  const rows = jobs.slice(0, 20).map(job => [
    when(job.started_at), badge(job.state, TONE[job.state]), job.asked_by,
    reported(job) ? link(reported(job), `#/models/${reported(job)}`) : '–',
    [failings(job), job.error],
  ]);
  return [
    para('.soft', next ? `Next by the schedule: ${when(next)}.` : 'No schedule is set (RETRAIN_SCHEDULE).'),
    rows.length ? table('Latest retrainings', ['Started', 'Outcome', 'Asked by', 'Version', 'Details'], rows)
      : para('.soft', 'None since this server started.'),
  ];
}

/** @param {any} waiting */
function uploads(waiting, load) {
  if (waiting instanceof Error) return alert(waiting);
  const { uploads: list, count } = waiting;
  if (!list.length) return para('.soft', 'None: what is uploaded waits here until a retraining reads it.');
  const act = (words, work) => press(words, () => work().then(load), '.small-button');
  const rows = list.map(({ id, received_at: at, rows, bytes: size, sent_by: sender, state }) => {
    const words = `The ${num(rows)} rows of ${when(at)} are not trained on. This cannot be undone.`;
    const remove = async () => (await ask('Delete this upload?', words, 'Delete it')) && api.remove(id);
    return [when(at), num(rows), bytes(size), sender ?? 'without a key', el('span', { title: id }, id.slice(0, 12)),
      state === 'waiting' ? badge('waits for approval', 'fair') : badge('is trained on', 'good'),
      el('span.row', state === 'waiting' && act('Approve', () => api.approve(id)), act('Delete', remove))];
  });
  return [
    list.some(each => each.state === 'waiting')
      && para('.soft', 'What came without a key is left out of trainings until you approve it.'),
    count > 1000 && para('.soft', `1,000 of ${num(count)}`),
    table('Uploads that wait', ['Received', '#Rows', '#Size', 'Sent by', 'Id', 'State', 'Action'], rows),
  ];
}

const WAYS = {
  as_it_is: 'As it is', umap_hdbscan: 'Map and clusters', dates_described: 'Dates only described',
  quarter_described: 'Quarters only described', date_parts_scaled: 'Dates count less', log_numbers: 'Logarithms',
  n_neighbors_15: 'Map of 15 neighbours', n_neighbors_120: 'Map of 120 neighbours',
  min_cluster_size_4_percent: 'Segments from 4\u202f% on', min_cluster_size_8_percent: 'Segments from 8\u202f% on',
  latent_classes: 'Latent classes',
};
const OUT = {
  failed: 'could not be trained', no_segment: 'finds no segment', everyone: 'everyone is one segment',
  noise: 'more than 25\u202f% outside', unstable: 'a segment is not found again',
  unstable_on_average: 'the segments are not stable', tells_nothing: 'tells nothing',
  one_column: 'one column decides, a filter would do',
};

function comparing(signal) {
  const live = el('div', { hidden: true });
  const result = el('div');
  const form = fill('compare');
  const publish = (way, settings, reasons) => async () => {
    const words = `${way}${reasons && `: ${reasons}`}. Once it has passed the checks, it is live. You can go back.`;
    if (!(await ask('Train this way and publish?', words, 'Train and publish'))) return;
    await watch(live, way, told => api.retrain(formOf('training', [JSON.stringify(settings)]), false, told));
  };
  const shown = job => {
    if (!job?.comparison) return;
    live.hidden = true;
    put(result, compared(job, publish));
  };
  sends(form, 'Comparing…', async () => {
    put(result, []);
    shown(await watch(live, 'Comparing', told => api.compare(told)));
  });
  api.jobs({ signal }).then(({ jobs }) => {
    const running = jobs.find(job => job.step === 'comparing');
    if (running) join(live, 'Comparing', running, signal, form).then(shown);
    else shown(jobs.find(job => job.comparison));
  }).catch(problem => signal.aborted || mend(form, problem));
  return section('Which way to train', form, live, result);
}

/** @param {Pick<Api['Retraining'], 'comparison' | 'ended_at'>} job */
function compared({ comparison, ended_at }, publish = null) {
  const { best, candidates, tried_on, customers, sentence } = comparison;
  const bits = of => of.bits?.mean ?? -Infinity;
  const order = of => `${Number(of.name !== best)}${Number(of.out.length > 0)}`;
  const list = [...candidates].sort((a, b) => order(a).localeCompare(order(b)) || bits(b) - bits(a));
  const rows = list.map((of, at) => {
    const way = WAYS[of.name] ?? title(of.name);
    const fate = of.name === best ? badge('best', 'good') : badge(of.out.length ? 'out' : 'passes');
    const reasons = of.failure ?? of.out.map(why => OUT[why] ?? title(why)).join('; ');
    const two = (first, second) => [first, el('.small.soft', second)];
    return [
      two([`${at + 1}. ${way} `, fate], reasons),
      two(num(of.segments), `${pct(of.noise_share)} outside`),
      two(pct(of.least_jaccard), `mean ${pct(of.mean_jaccard)}`),
      of.bits && two(dec(of.bits.mean), `chance ${dec(of.bits.null)} ± ${dec(of.bits.standard_error)}`),
      two(decidedShort(of.decided_by), of.told.map(title).join(', ')),
      el('span.soft', `${dec(of.silhouette)} / ${dec(of.dbcv)}`),
      publish && of.segments ? press('Publish', publish(way, of.settings, reasons), '.small-button') : '',
    ];
  });
  return [
    note(best ? 'good' : 'fair', sentence.replace(/\w+_\w+/g, name => `\u201c${WAYS[name] ?? name}\u201d`)),
    table('Ways to train, the best first', ['Way', '#Segments', '#Found again, least', '#Bits told',
      'What decides, and what is told', '#Silhouette / DBCV', 'Action'], rows),
    para('.soft.small', `${when(ended_at)}, on ${num(tried_on)} of ${plural(customers, 'customer')}.`),
  ];
}
