// The customers' map: a canvas with a mark for each profile, its legend, what a mark is, and the same as a table.
import {
  OTHER, all, called, el, fill, look, mark, name, nodes, num, pct, plural, press, put, q, table, title, value,
} from './dom.js';

const COVERED = 0.12;
const RADII = [1.6, 42];
const CELL = 24;
const MOVE_MS = 600;
const MANY = 8;
const TEACH = 'Point at a mark, or use the arrow keys, to see who it is.';

export class Plane {
  width = 1; height = 1; ratio = 1; arrived = 1; pointed = -1; chosen = null; sx; sy; sr;
  zoomed = { by: 1, x: 0, y: 0 };
  shift = new Map();
  lookOf = at => look(this.points.segment[at]);
  isShown = at => at >= 0;

  /** @param {any} points its columns `x`, `y`, `segment`, `customers` */
  constructor(canvas, points) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.points = points;
    this.middles = middles(points);
    // Small marks over large ones, and segments over what is outside.
    const { segment, customers } = points;
    const isIn = at => Number(segment[at] !== null);
    this.order = [...segment.keys()].sort((a, b) => isIn(a) - isIn(b) || customers[b] - customers[a]);
    this.measure();
  }

  measure() {
    const { x, y, customers } = this.points;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.max(1, width * ratio);
    this.canvas.height = Math.max(1, height * ratio);
    const [[left, right], [low, high]] = [ends(x), ends(y)];
    const room = Math.min(width, height) * 0.07 + 16;
    const fit = (size, from, to) => (size - 2 * room) / Math.max(to - from, 1e-9);
    const unit = Math.min(fit(width, left, right), fit(height, low, high));
    const scale = unit < 1e8 ? unit : 1;
    this.base = { scale, x: width / 2 - (scale * (left + right)) / 2, y: height / 2 + (scale * (low + high)) / 2 };
    this.radius = Math.sqrt((width * height * COVERED) / (Math.PI * (sum(customers) || 1)));
    this.place();
  }

  /** Where every mark is on the screen, and a grid to find it by. */
  place() {
    const { by, x: dx, y: dy } = this.zoomed;
    const { scale, x: ox, y: oy } = this.base;
    const { x, y, customers } = this.points;
    [this.sx, this.sy, this.sr] = [1, 2, 3].map(() => new Float64Array(x.length));
    this.grid = new Map();
    for (let at = 0; at < x.length; at += 1) {
      this.sx[at] = (ox + scale * x[at] - this.width / 2) * by + this.width / 2 + dx;
      this.sy[at] = (oy - scale * y[at] - this.height / 2) * by + this.height / 2 + dy;
      this.sr[at] = clamp(this.radius * Math.sqrt(customers[at] * by), ...RADII);
      const key = cell(this.sx[at], this.sy[at]);
      if (this.grid.has(key)) this.grid.get(key).push(at);
      else this.grid.set(key, [at]);
    }
  }

  /** The nearest mark, at most a finger away; −1 where there is none. */
  nearest(px, py) {
    let [best, least] = [-1, 22 ** 2];
    for (let near = 0; near < 9; near += 1) {
      const key = cell(px + ((near % 3) - 1) * CELL, py + (Math.floor(near / 3) - 1) * CELL);
      for (const at of this.grid.get(key) ?? []) {
        const distance = (this.sx[at] - px) ** 2 + (this.sy[at] - py) ** 2;
        if (distance < least && this.isShown(at)) [best, least] = [at, distance];
      }
    }
    return best;
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const was = this.zoomed;
    const by = clamp(was.by * factor, 1, 40);
    const about = (centre, before) => (by === 1 ? 0 : centre - ((centre - before) * by) / was.by);
    this.zoomed = { by, x: about(px - this.width / 2, was.x), y: about(py - this.height / 2, was.y) };
    this.place();
    this.draw();
  }

  pan(dx, dy) {
    this.zoomed = { by: this.zoomed.by, x: this.zoomed.x + dx, y: this.zoomed.y + dy };
    this.place();
    this.draw();
  }

  spots = () => new Map([...this.middles].map(([id, at]) => [id, [this.sx[at], this.sy[at]]]));

  /** Lets marks grow; segments that were there before come from where they were. */
  arrive(before = new Map()) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.draw();
    for (const [id, [x, y]] of this.spots())
      if (before.has(id)) this.shift.set(id, [before.get(id)[0] - x, before.get(id)[1] - y]);
    const from = performance.now();
    const step = now => {
      const share = clamp((now - from) / MOVE_MS, 0, 1);
      this.arrived = 1 - (1 - share) ** 3;
      this.draw();
      if (share < 1 && this.canvas.isConnected) requestAnimationFrame(step);
    };
    this.arrived = 0.01;
    requestAnimationFrame(step);
  }

  now(at) {
    const from = this.arrived < 1 && this.shift.get(this.points.segment[at]);
    if (!from) return [this.sx[at], this.sy[at], this.sr[at] * this.arrived];
    const rest = 1 - this.arrived;
    return [this.sx[at] + rest * from[0], this.sy[at] + rest * from[1], this.sr[at]];
  }

  draw() {
    const { context, ratio } = this;
    const { color: ink, backgroundColor: card, fontFamily: font } = getComputedStyle(this.canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const marks = this.order.filter(at => this.isShown(at));
    for (const at of marks) {
      const { colour, shape } = this.lookOf(at);
      context.globalAlpha = this.chosen !== null && this.points.segment[at] !== this.chosen ? 0.1 : 0.72;
      context.fillStyle = colour;
      context.beginPath();
      trace(context, shape, ...this.now(at));
      context.fill();
    }
    context.globalAlpha = 1;
    this.canvas.dataset.marks = String(marks.length);
    if (this.pointed >= 0) {
      const [x, y, r] = this.now(this.pointed);
      Object.assign(context, { lineWidth: 2, strokeStyle: ink }).beginPath();
      context.arc(x, y, r + 4, 0, 7);
      context.stroke();
    }
    const text = { font: `560 14px ${font}`, textAlign: 'center', textBaseline: 'middle', lineJoin: 'round' };
    Object.assign(context, text, { lineWidth: 5, strokeStyle: card, fillStyle: ink });
    for (const [id, at] of this.middles) {
      if (this.chosen !== null && this.chosen !== id) continue;
      const [x, y] = this.now(at);
      context.strokeText(called(id), x, y);
      context.fillText(called(id), x, y);
    }
  }
}

const clamp = (n, low, high) => Math.min(Math.max(n, low), high);
const sum = numbers => numbers.reduce((a, b) => a + b, 0);
const cell = (x, y) => Math.floor(x / CELL) * 65_536 + Math.floor(y / CELL);
const ends = numbers => [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];

/** Of equal areas. */
function trace(context, shape, x, y, r) {
  if (shape === 'circle') return context.arc(x, y, r, 0, 7);
  const [a, b] = [r * 1.55, r * 1.25];
  const corners = shape === 'triangle'
    ? [[0, -a], [a * 0.866, a / 2], [-a * 0.866, a / 2]] : [[0, -b], [b, 0], [0, b], [-b, 0]];
  for (const [dx, dy] of corners) context.lineTo(x + dx, y + dy);
}

/** For each segment the profile nearest to its mean. */
function middles({ x, y, segment, customers }) {
  const marks = Map.groupBy(segment.keys(), at => segment[at]);
  marks.delete(null);
  const middle = of => {
    const n = sum(of.map(at => customers[at]));
    const mean = along => sum(of.map(at => customers[at] * along[at])) / n;
    const [mx, my] = [mean(x), mean(y)];
    const far = at => (x[at] - mx) ** 2 + (y[at] - my) ** 2;
    return of.reduce((best, at) => (far(at) < far(best) ? at : best));
  };
  return new Map([...marks].sort(([a], [b]) => a - b).map(([id, of]) => [id, middle(of)]));
}

/** The map on the screen, for the next one's motion. @type {{ plane: Plane | null }} */
export const shown = { plane: null };

/** With an upload's places where there are any. @param {Api['CustomerMap']} map @param {any} [besides] */
export function mapFigure(map, { upload, file, before } = {}) {
  const root = fill('map', { readout: TEACH });
  const part = key => q(root, `[data-k=${key}]`);
  const points = withUpload(map, upload);
  const groups = groupings(map, points, upload, file);
  put(part('colour'), groups.map((group, at) => el('option', { value: String(at) }, group.title)));
  const marks = plural(points.x.length, map.profile ? 'profile' : 'group');
  const segments = plural(new Set(map.segment.filter(id => id !== null)).size, 'segment');
  put(part('canvas'), { aria: { label: `${marks} in ${segments}; a mark’s area is its customers` } });
  const view = { root, map, points, part, groups, plane: null, group: groups[0], chosen: undefined, at: -1 };
  requestAnimationFrame(() => begin(view, before));
  return root;
}

function begin(view, before) {
  const { root, part, points } = view;
  const plane = new Plane(part('canvas'), points);
  view.plane = shown.plane = plane;
  colour(view, 0);
  plane.arrive(before);
  new ResizeObserver(() => {
    if (plane.canvas.clientWidth === plane.width) return;
    plane.measure();
    plane.draw();
  }).observe(plane.canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plane.draw());
  put(part('colour'), { on: { change: event => colour(view, Number(event.target.value)) } });
  put(part('in'), { on: { click: () => plane.zoom(1.5) } });
  put(part('out'), { on: { click: () => plane.zoom(1 / 1.5) } });
  put(part('table'), { on: { click: event => toggleTable(view, event.currentTarget) } });
  put(part('plane'), { on: { ...pointing(view), keydown: event => keys(view, event) } });
  root.dataset.ready = 'true';
}

function pointing(view) {
  const { plane } = view;
  let held = null;
  const place = event => {
    const box = plane.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  addEventListener('pointerup', () => (held = null));
  return {
    pointermove(event) {
      const [x, y] = place(event);
      if (!held) return point(view, plane.nearest(x, y), true);
      plane.pan(x - held[0], y - held[1]);
      held = [x, y];
    },
    pointerdown: event => (held = plane.zoomed.by > 1 ? place(event) : null),
    pointerleave: () => point(view, -1, true),
    click(event) {
      const [x, y] = place(event);
      const found = plane.nearest(x, y);
      if (found >= 0) choose(view, view.group.of(found));
    },
    wheel(event) {
      if (event.deltaY > 0 && plane.zoomed.by === 1) return;
      event.preventDefault();
      const [x, y] = place(event);
      plane.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, x, y);
    },
  };
}

/** Left and right go from segment to segment, up and down from mark to mark within one. */
function keys(view, event) {
  const { plane, points } = view;
  const ids = [...plane.middles.keys()];
  const own = view.at >= 0 ? points.segment[view.at] : null;
  const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const zoom = { '+': 1.5, '=': 1.5, '-': 1 / 1.5 }[event.key];
  const beside = (list, is, by) => list[(list.indexOf(is) + by + list.length) % list.length];
  const next = () => (own === null ? ids.at(turn > 0 ? 0 : -1) : beside(ids, own, turn));
  const same = () => plane.order.filter(at => points.segment[at] === own);
  if (turn && ids.length) point(view, plane.middles.get(next()));
  else if (step && view.at >= 0) point(view, beside(same(), view.at, step));
  else if (event.key === 'Enter' && own !== null) location.hash = `#/segments/${own}`;
  else if (event.key === 'Escape') {
    point(view, -1);
    choose(view);
  } else if (zoom) plane.zoom(zoom);
  else return;
  event.preventDefault();
}

function point(view, at, byPointer = false) {
  const { plane, part, root } = view;
  if (at === view.at) return;
  view.at = plane.pointed = at;
  plane.draw();
  const tip = q(root, '.tip');
  tip.hidden = at < 0 || !byPointer || root.contains(document.activeElement);
  if (at < 0) return put(part('readout'), TEACH);
  const words = said(view, at);
  put(part('readout'), words.join(' · '));
  part('plane').dataset.at = String(at);
  put(tip, words.map(word => el('div', word)));
  const { clientWidth: width, clientHeight: height } = plane.canvas;
  const x = clamp(plane.sx[at] + 14, 8, Math.max(8, width - tip.offsetWidth - 8));
  const below = plane.sy[at] + 14;
  const y = below + tip.offsetHeight < height ? below : Math.max(4, plane.sy[at] - tip.offsetHeight - 14);
  tip.style.transform = `translate(${x}px, ${y}px)`;
}

function said({ points, map }, at) {
  const words = [`${called(points.segment[at])}, ${plural(points.customers[at], 'customer')}`];
  if (at >= map.x.length) return [...words, 'of your upload; not among those trained on'];
  for (const { title: column, values, codes, is_number } of map.columns ?? []) {
    const is = values[codes[at]];
    if (is !== undefined) words.push(`${title(column)}: ${is_number ? num(is) : value(column, is)}`);
  }
  if (points.segment[at] !== null) words.push(`Strength ${pct(map.strength[at])}`);
  return words;
}

const entry = (key, text, look) => ({ key, text, look });

function groupings(map, points, upload, file) {
  const of = at => points.segment[at];
  const ids = [...new Set(points.segment)].sort((a, b) => Number(a === null) - Number(b === null) || a - b);
  const bySegment = { title: 'Segment', of, list: ids.map(id => entry(id, called(id), look(id))) };
  const byColumn = (map.columns ?? []).map(column => (column.is_number ? byNumber(column) : byValue(map, column)));
  return nodes(bySegment, upload?.x.length && byUpload(map, upload, file), byColumn);
}

function byUpload(map, upload, file) {
  const known = new Set(upload.profile);
  const of = at => (at >= map.x.length ? 'new' : known.has(map.profile?.[at]) ? 'known' : 'absent');
  const list = [entry('new', 'New since training', look(4)), entry('known', 'In the upload, and trained on', look(0))];
  return { title: `The upload ${file}`, of, list: [...list, entry('absent', 'Not in the upload', OTHER)] };
}

function byValue(map, { title: column, values, codes }) {
  const sums = values.map(() => 0);
  for (const [at, code] of codes.entries()) if (code !== null) sums[code] += map.customers[at];
  const most = [...values.keys()].sort((a, b) => sums[b] - sums[a]).slice(0, MANY);
  if (most.every(code => typeof values[code] === 'number')) most.sort((a, b) => values[a] - values[b]);
  const list = most.map((code, at) => entry(code, value(column, values[code]), look(at)));
  const others = values.length - most.length;
  if (others) list.push(entry('rest', `${others} others`, OTHER));
  return { title: title(column), of: at => (most.includes(codes[at]) ? codes[at] : 'rest'), list };
}

function byNumber({ title: column, values, codes }) {
  const numbers = codes.map(code => values[code]);
  const sorted = numbers.filter(Number.isFinite).sort((a, b) => a - b);
  const cuts = [0, 0.25, 0.5, 0.75].map(share => sorted[Math.floor(share * sorted.length)]);
  const of = at => (Number.isFinite(numbers[at]) ? cuts.filter(cut => numbers[at] >= cut).length - 1 : 'rest');
  const list = cuts.map((from, at) => entry(at, `from ${num(from)}`, look(at)));
  return { title: title(column), of, list };
}

/** The map's points, then those of an upload that training never saw. */
function withUpload(map, upload) {
  const added = [...(upload?.x.keys() ?? [])].filter(at => upload.profile[at] === null);
  const join = key => [...map[key], ...added.map(at => upload[key][at])];
  return { x: join('x'), y: join('y'), segment: join('segment'), customers: join('customers') };
}

function colour(view, which) {
  const group = view.groups[which];
  const looks = new Map(group.list.map(({ key, look }) => [key, look]));
  view.group = group;
  view.plane.lookOf = at => looks.get(group.of(at)) ?? OTHER;
  put(view.part('legend'), group.list.map(({ key, text, look }) =>
    press([mark(look), text], () => choose(view, key), '.small-button', { data: { key: String(key) } })));
  choose(view);
}

/** Shows one group alone; that again, or none, shows all. */
function choose(view, key = undefined) {
  const { plane, group } = view;
  const chosen = view.chosen === key ? undefined : key;
  const isSegment = group === view.groups[0];
  view.chosen = chosen;
  // A segment stays among the others, which are pale.
  plane.chosen = isSegment && chosen !== undefined && chosen !== null ? chosen : null;
  plane.isShown = at => chosen === undefined || plane.chosen !== null || group.of(at) === chosen;
  for (const button of all(view.part('legend'), 'button'))
    button.setAttribute('aria-pressed', String(button.dataset.key === String(chosen)));
  plane.draw();
}

function toggleTable({ root, group, groups, points }, button) {
  const there = q(root, '[data-table]');
  button.setAttribute('aria-expanded', String(!there));
  if (there) return there.remove();
  const marks = Map.groupBy(points.x.keys(), at => group.of(at));
  const rows = group.list.map(({ key, text, look }) => {
    const of = marks.get(key) ?? [];
    const customers = sum(of.map(at => points.customers[at]));
    const head = group === groups[0] ? name(key) : el('span.name', mark(look), text);
    return [head, num(customers), pct(customers / sum(points.customers)), num(of.length)];
  });
  q(root, '.legend').after(el('.readout', { data: { table: '' } },
    table(`The map by ${group.title.toLowerCase()}`, [group.title, '#Customers', '#Share', '#Profiles'], rows)));
}
