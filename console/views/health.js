// How the service is: ready, what it spends, how fast it answers, what the last upload was like.
import { api } from '../api.js';
import { badge, bring, bytes, el, figure, link, num, para, screen, section, span, usd, waiting, when } from '../dom.js';
import { driftSentence, drifts } from '../traits.js';

const LOOK_MS = 5_000;

export function health({ signal }) {
  const body = waiting('Asking the service…');
  const load = () => bring(body, signal, async () => parts(await api.status({ signal })));
  load();
  const timer = setInterval(() => document.hidden || load(), LOOK_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return screen({ head: 'Health' }, body,
    el('p', link('The API, to read and to try', 'docs/'), ' · ', link('Metrics for Prometheus', 'metrics')));
}

/** @param {Api['Status']} of */
function parts(of) {
  const { budget, requests, overhead_ms: overhead, upstream_paused: paused, drift } = of;
  const isPaused = paused.texts || paused.pictures;
  const failed = requests.server_error;
  const ms = n => `${num(n)}\u202fms`;
  return [
    el('dl.figures',
      figure('State', badge(of.status, of.status === 'ready' ? 'good' : 'fair'),
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
