/*
 * How the server is: read from /metrics and /readyz every two seconds while somebody looks. Rates
 * and latencies are differences of counters, so they are there from the second reading on.
 */
import {call, isAborted, models as allModels, newest} from './api.js';
import {modelName} from './asker.js';
import {field, h, scrolling, select, set} from './dom.js';
import {errorBox, explain} from './errors.js';
import {experimentsPanel} from './experiments.js';
import {bytes, duration, number, seconds, t, when} from './i18n.js';
import {jobsView} from './jobs.js';
import {linePlot} from './plot.js';
import {parse, quantile, routes, since, single, together} from './prom.js';

const EVERY_MS = 2000;
const FIRST_MS = 500;
const SPAN_S = 180; /* kept and drawn */
const RESULTS_TICKS = 5; /* results of experiments move slowly */
const WINDOW_S = 60; /* "the last minute" of the table */
const STORE_STATES = ['ready', 'full', 'read_only', 'corrupt', 'failed'];

async function readReady(signal) {
  try {
    const answer = await call('/readyz', {signal, isQuiet: true});
    return {isReady: true, why: answer.why || ''};
  } catch (error) {
    if (isAborted(error) || error.status === 0)
      throw error;
    return {isReady: false, why: error.problem.why || explain(error).detail};
  }
}

/* One reading: when, every single value, requests by route. */
async function read(signal) {
  const [text, ready] = await Promise.all([call('/metrics', {signal, asText: true}),
    readReady(signal)]);
  const families = parse(text);
  return {at: performance.now() / 1000, ready, routes: routes(families),
    value: (name) => single(families, name)};
}

/* A counter's rate between two readings; a restart in between makes it begin again. */
function rate(now, before, name) {
  if (!before)
    return NaN;
  const [a, b] = [now.value(name), before.value(name)];
  return a >= b ? (a - b) / (now.at - before.at) : NaN;
}

/* Requests between two readings, all routes. */
function allSince(now, before) {
  return together([...now.routes].map(([key, one]) =>
    before ? since(one, before.routes.get(key)) : one));
}

export async function mount(root, {signal}) {
  const kept = [];
  const fault = h('div');
  const state = h('p', {class: 'summary', role: 'status'});
  const tiles = h('dl', {class: 'tiles'});
  const rows = h('tbody');
  const versions = h('ul', {class: 'versions'});
  const ask = newest(signal);
  const jobs = jobsView(signal);
  const results = experimentsPanel(signal);
  let ticks = 0;
  let hasResults = true;
  let wide = 'start';
  let timer = 0;
  let isStopped = false;

  /* ---- Tiles: made once, then only their text changes ---- */

  const tileTexts = new Map();

  function tile(key, text) {
    if (!tileTexts.has(key)) {
      const value = h('dd');
      tileTexts.set(key, value);
      tiles.append(h('div', {}, h('dt', {}, t(`ops.${key}`)), value));
    }
    tileTexts.get(key).textContent = text;
  }

  const shown = (value, format = number) => Number.isFinite(value) ? format(value) : '—';
  const perSecond = (value) => shown(value, (v) => `${number(v)}/s`);

  function drawTiles(now, before) {
    const requests = before ? allSince(now, before).count / (now.at - before.at) : NaN;
    const first = kept.find((one) => one.at >= now.at - WINDOW_S);
    const minute = allSince(now, first);
    const hits = now.value('akin_cache_hits_total');
    const misses = now.value('akin_cache_misses_total');
    const start = now.value('akin_start_time_seconds');
    const store = now.value('akin_store_state');
    tile('requests', perSecond(requests));
    tile('p50', seconds(quantile(minute, 0.5)));
    tile('p99', seconds(quantile(minute, 0.99)));
    tile('events', perSecond(rate(now, before, 'akin_events_total')));
    tile('events_all', shown(now.value('akin_events_total')));
    tile('in_flight', shown(now.value('akin_http_requests_in_flight')));
    tile('connections', shown(now.value('akin_http_connections')));
    tile('queue', shown(now.value('akin_http_queue')));
    tile('store_queue', shown(now.value('akin_store_queue')));
    tile('store', store === undefined ? t('store.none')
      : t(`store.${STORE_STATES[store] || 'failed'}`));
    tile('store_events', shown(now.value('akin_store_events')));
    tile('store_bytes', shown(now.value('akin_store_bytes'), bytes));
    tile('memory', shown(now.value('akin_memory_bytes'), bytes));
    tile('cache', hits + misses > 0 ? `${number(100 * hits / (hits + misses))} %` : '—');
    tile('overlay', shown(now.value('akin_overlay_events')));
    tile('catalog', shown(now.value('akin_catalog_items')));
    tile('uptime', start > 0 ? duration(Math.max(0, Date.now() / 1000 - start)) : '—');
  }

  /* ---- The table of routes ---- */

  function drawRoutes(now) {
    const first = kept.find((one) => one.at >= now.at - WINDOW_S);
    const before = wide === 'minute' ? first : null;
    const list = [...now.routes].map(([key, one]) =>
      before ? since(one, before.routes.get(key)) : one).filter((one) => one.count > 0);
    list.sort((a, b) => b.count - a.count || a.route.localeCompare(b.route));
    const per = before ? Math.max(1, now.at - before.at)
      : Math.max(1, Date.now() / 1000 - now.value('akin_start_time_seconds'));
    set(rows, list.map((one) => h('tr', {},
      h('th', {scope: 'row', class: 'route'},
        one.route === 'none' ? t('ops.other') : `${one.method} ${one.route}`),
      h('td', {class: 'n'}, number(one.count)),
      h('td', {class: 'n'}, shown(one.count / per)),
      [0.5, 0.95, 0.99].map((q) => h('td', {class: 'n'}, seconds(quantile(one, q)))),
      h('td', {class: 'n'}, number(one.errors)))));
  }

  /* ---- Plots ---- */

  const plots = [
    [linePlot({title: t('plot.requests'), names: [t('ops.requests')], format: perSecond,
      span: SPAN_S}),
    (now, before) => [allSince(now, before).count / (now.at - before.at)]],
    [linePlot({title: t('plot.latency'), names: ['p50', 'p95', 'p99'], format: seconds,
      span: SPAN_S}),
    (now, before) => [0.5, 0.95, 0.99].map((q) => quantile(allSince(now, before), q))],
    [linePlot({title: t('plot.events'), names: [t('ops.events')], format: perSecond,
      span: SPAN_S}),
    (now, before) => [rate(now, before, 'akin_events_total')]],
    [linePlot({title: t('plot.memory'), names: [t('ops.memory')], format: bytes, span: SPAN_S,
      isBinary: true}),
      (now) => [now.value('akin_memory_bytes')]],
  ];

  function drawPlots() {
    for (const [plot, values] of plots) {
      plot.draw(kept.slice(1).map((now, i) => ({at: now.at, values: values(now, kept[i])})));
    }
  }

  function draw() {
    const now = kept[kept.length - 1];
    const words = now.ready.isReady ? t('ops.ready') : t('ops.not_ready',
      {why: now.ready.why || t('ops.no_reason')});
    if (state.textContent !== words) { /* spoken when it changes, not every two seconds */
      state.textContent = words;
      state.className = now.ready.isReady ? 'summary good' : 'summary bad';
    }
    drawTiles(now, kept[kept.length - 2]);
    drawRoutes(now);
    drawPlots();
  }

  /* ---- Reading ---- */

  async function tick() {
    window.clearTimeout(timer);
    if (document.hidden || isStopped || signal.aborted)
      return;
    try {
      const now = await read(ask());
      kept.push(now);
      while (kept[0].at < now.at - SPAN_S)
        kept.shift();
      set(fault);
      draw();
      jobs.tick();
      if (hasResults && ticks++ % RESULTS_TICKS === 0)
        results.read().then((isThere) => { hasResults = isThere; });
    } catch (error) {
      if (isAborted(error))
        return;
      if (!fault.hasChildNodes()) { /* said once, not at every try */
        set(fault, errorBox(error, () => {
          isStopped = false;
          set(fault);
          tick();
        }));
      }
      isStopped = error.status === 401 || error.status === 403;
    }
    /* rates need two readings: the second one comes soon */
    timer = window.setTimeout(tick, kept.length === 1 ? FIRST_MS : EVERY_MS);
  }

  async function drawVersions() {
    try {
      const models = await allModels(signal);
      set(versions, models.map((model) => h('li', {}, h('strong', {}, modelName(model)), ' ',
        t('models.line', {generation: model.generation ?? 0,
          loaded: model.loaded ? when(model.loaded) : '—'}),
        model.card?.akin && ` · akin ${model.card.akin}`)));
    } catch (error) {
      if (!isAborted(error))
        set(versions, h('li', {}, explain(error).title));
    }
  }

  const spans = [['start', t('ops.start')], ['minute', t('ops.minute')]];
  const wideSelect = select(spans, wide, (to) => {
    wide = to;
    if (kept.length)
      drawRoutes(kept[kept.length - 1]);
  });
  const head = ['ops.route', 'ops.count', 'ops.rate', 'p50', 'p95', 'p99', 'ops.errors'];
  set(root, h('h1', {tabindex: '-1'}, t('ops.title')), fault, state,
    h('section', {'aria-label': t('ops.now')}, tiles),
    h('section', {class: 'plots', 'aria-label': t('ops.plots')},
      plots.map(([plot]) => plot.root)),
    results.root,
    h('section', {},
      h('h2', {}, t('ops.routes')), field(t('ops.span'), wideSelect),
      scrolling(t('ops.routes'), h('table', {}, h('thead', {}, h('tr', {}, head.map((key, i) =>
        h('th', {scope: 'col', class: i ? 'n' : null},
          key.startsWith('p') ? key : t(key))))), rows))),
    jobs.root,
    h('section', {'aria-label': t('ops.versions')}, h('h2', {}, t('ops.versions')), versions));
  document.addEventListener('visibilitychange', tick, {signal});
  signal.addEventListener('abort', () => window.clearTimeout(timer));
  drawVersions();
  tick();
}
