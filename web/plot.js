/*
 * Line plots of the last minutes, drawn as SVG: axes with units, a legend with the newest values, a
 * cursor with what was then. The cursor follows the pointer, and the arrow keys when the plot has
 * the focus. Redrawn whole at every reading: some hundred elements.
 */
import {h, set, svg} from './dom.js';
import {t} from './i18n.js';

const W = 420;
const H = 190;
const LEFT = 62;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;

/* 1, 2 or 5 times a power of ten (bytes: a power of two), so that about `n` steps reach `high`. */
function niceStep(high, n, isBinary) {
  if (isBinary)
    return 2 ** Math.ceil(Math.log2(high / n));
  const rough = high / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = rough / power;
  return power * (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10);
}

/* format(value) → text with its unit; names: of the series; span: seconds on the x axis. */
export function linePlot({title, names, format, span, isBinary = false}) {
  const drawing = svg('svg', {viewBox: `0 0 ${W} ${H}`, 'aria-hidden': 'true',
    focusable: 'false'});
  const legend = h('p', {class: 'legend'});
  const frame = h('div', {class: 'plot', tabindex: '0', role: 'img', 'aria-label': title},
    drawing);
  const root = h('figure', {class: 'box'}, h('figcaption', {}, title), frame, legend);
  let points = []; /* {at: seconds, values: [number]}, oldest first */
  let cursor = -1;

  const x = (at, end) => LEFT + (W - LEFT - RIGHT) * (1 - (end - at) / span);
  const isShown = (value) => Number.isFinite(value);

  function axes(high, step, y) {
    const lines = [];
    for (let value = 0; value <= high + step / 2; value += step) {
      lines.push(svg('line', {class: 'gridline', x1: LEFT, x2: W - RIGHT, y1: y(value),
        y2: y(value)}),
      svg('text', {x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end'}, format(value)));
    }
    for (let i = 0; i <= 3; i++) {
      const back = Math.round(span * (3 - i) / 3);
      const at = LEFT + (W - LEFT - RIGHT) * i / 3;
      lines.push(svg('text', {x: at, y: H - 8,
        'text-anchor': i === 0 ? 'start' : i === 3 ? 'end' : 'middle'},
      back === 0 ? t('plot.now') : t('plot.ago', {n: back})));
    }
    return lines;
  }

  /* A gap in the values is a gap in the line. */
  function line(index, y, end) {
    let d = '';
    let isOpen = false;
    for (const point of points) {
      const value = point.values[index];
      if (isShown(value))
        d += `${isOpen ? 'L' : 'M'}${x(point.at, end).toFixed(1)} ${y(value).toFixed(1)}`;
      isOpen = isShown(value);
    }
    return svg('path', {class: `line c${index + 1}`, d});
  }

  function tip(y, end) {
    const point = points[cursor];
    if (!point)
      return [];
    const at = x(point.at, end);
    const texts = [t('plot.ago', {n: Math.round(end - point.at)}), ...names.map((name, i) =>
      `${name} ${isShown(point.values[i]) ? format(point.values[i]) : '—'}`)];
    const width = Math.max(...texts.map((s) => s.length)) * 6.6 + 16;
    const left = at + width + 8 > W ? at - width - 8 : at + 8;
    return [svg('line', {class: 'cursor', x1: at, x2: at, y1: TOP, y2: H - BOTTOM}),
      point.values.map((value, i) => isShown(value) &&
        svg('circle', {class: `dot c${i + 1}`, cx: at, cy: y(value), r: 3.5})),
      svg('rect', {class: 'tip', x: left, y: TOP, width, height: texts.length * 16 + 10,
        rx: 5}),
      texts.map((text, i) => svg('text', {class: 'tip-text', x: left + 8,
        y: TOP + 18 + i * 16}, text))];
  }

  function redraw() {
    if (points.length === 0)
      return;
    const end = points[points.length - 1].at;
    const all = points.flatMap((p) => p.values).filter(isShown);
    const most = Math.max(...all, 0);
    const step = most > 0 ? niceStep(most, 4, isBinary) : 1;
    const high = most > 0 ? Math.ceil(most / step) * step : 1;
    const y = (value) => H - BOTTOM - (H - BOTTOM - TOP) * value / high;
    set(drawing, axes(high, step, y), names.map((name, i) => line(i, y, end)), tip(y, end));
  }

  function draw(next) {
    points = next;
    if (cursor >= points.length)
      cursor = -1;
    redraw();
    const last = points[points.length - 1]?.values || [];
    const words = names.map((name, i) =>
      `${name} ${isShown(last[i]) ? format(last[i]) : '—'}`);
    frame.setAttribute('aria-label', `${title}: ${words.join(', ')}`);
    set(legend, words.map((text, i) => h('span', {class: 'key'},
      h('span', {class: `swatch c${i + 1}`, 'aria-hidden': 'true'}), text)));
  }

  frame.addEventListener('pointermove', (event) => {
    const box = drawing.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width * W;
    const end = points[points.length - 1]?.at;
    let best = Infinity;
    points.forEach((point, i) => {
      const far = Math.abs(x(point.at, end) - at);
      if (far < best) {
        best = far;
        cursor = i;
      }
    });
    redraw();
  });
  const leave = () => {
    cursor = -1;
    redraw();
  };
  frame.addEventListener('pointerleave', leave);
  frame.addEventListener('blur', leave);
  frame.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight')
      return;
    event.preventDefault();
    const from = cursor < 0 ? points.length : cursor;
    cursor = Math.min(points.length - 1,
      Math.max(0, from + (event.key === 'ArrowLeft' ? -1 : 1)));
    redraw();
  });
  return {root, draw};
}
