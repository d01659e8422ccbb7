/*
 * Jobs of the server: what runs, what became of it, and why a retrained model was not promoted. An
 * admin can start and cancel them. Where the server has none, or the key may not see them, there is
 * no such section, and nobody asks again until another key is there.
 */
import {call, isAborted, models as allModels, path} from './api.js';
import {modelName} from './asker.js';
import {announce, button, field, h, scrolling, select, set} from './dom.js';
import {errorBox} from './errors.js';
import {number, t, when} from './i18n.js';

const SHOWN = 20;
const isOpen = (job) => job.state === 'queued' || job.state === 'running';

/* root: a section, hidden until there is something to show; tick(): reads anew. */
export function jobsView(signal) {
  const status = h('div');
  const rows = h('tbody');
  const none = h('p', {class: 'note'}, t('jobs.none'));
  const start = h('div', {class: 'row'});
  const states = new Map(); /* of the last reading, to speak of what ended since */
  let isIdle = false;
  let chosen = '';

  async function change(url, options, done) {
    try {
      await call(url, {...options, signal});
      set(status);
      announce(done);
      await tick();
    } catch (error) {
      if (!isAborted(error))
        set(status, errorBox(error));
    }
  }

  const submit = (kind) => change(path(['jobs']), {method: 'POST', body: {kind, model: chosen}},
    t(`jobs.${kind}.done`, {name: chosen}));

  async function drawStart() {
    const names = (await allModels(signal)).map((model) => [model.name, modelName(model),
      model.default]);
    chosen = (names.find((name) => name[2]) || names[0] || [''])[0];
    set(start, field(t('jobs.model'), select(names, chosen, (to) => { chosen = to; })),
      button(t('jobs.retrain'), () => submit('retrain')),
      button(t('jobs.export'), () => submit('export')));
  }

  function verdict(job) {
    const promoted = job.result?.promoted;
    return promoted === undefined ? null
      : [' ', h('span', {class: 'chip'}, t(promoted ? 'jobs.promoted' : 'jobs.refused'))];
  }

  function progress(job) {
    if (!isOpen(job))
      return job.ended ? when(job.ended) : '—';
    return [h('progress', {max: 1, value: job.progress, 'aria-label': t('jobs.progress')}), ' ',
      `${number(Math.round(100 * job.progress))} % ${job.stage}`];
  }

  function draw(jobs) {
    none.hidden = jobs.length > 0;
    set(rows, jobs.slice(0, SHOWN).map((job) => h('tr', {},
      h('th', {scope: 'row'}, `${number(job.id)} ${t(`jobs.kind.${job.kind}`)}`),
      h('td', {}, job.model),
      h('td', {}, t(`job.${job.state}`), verdict(job)),
      h('td', {}, progress(job)),
      h('td', {}, job.message || job.result?.file || ''),
      h('td', {}, isOpen(job) && button(t('jobs.cancel'), () => change(path(['jobs', job.id]),
        {method: 'DELETE'}, t('jobs.cancel.done', {id: job.id})),
      {'aria-label': `${t('jobs.cancel')} ${job.id}`})))));
    for (const job of jobs) {
      if (isOpen({state: states.get(job.id)}) && !isOpen(job))
        announce(`${t(`jobs.kind.${job.kind}`)} ${job.model}: ${t(`job.${job.state}`)} ${job.message}`);
      states.set(job.id, job.state);
    }
  }

  async function tick() {
    if (isIdle)
      return;
    try {
      const answer = await call(path(['jobs']), {signal, isQuiet: true});
      if (!start.hasChildNodes())
        await drawStart();
      draw(answer.jobs);
      root.hidden = false;
    } catch (error) {
      if (isAborted(error))
        return;
      isIdle = [401, 403, 404, 409].includes(error.status);
      root.hidden = root.hidden || isIdle;
    }
  }

  const head = ['jobs.job', 'jobs.model', 'jobs.state', 'jobs.progress', 'jobs.message'];
  const root = h('section', {hidden: true},
    h('h2', {}, t('jobs.title')), start, status, none,
    scrolling(t('jobs.title'), h('table', {},
      h('thead', {}, h('tr', {}, head.map((key) => h('th', {scope: 'col'}, t(key))),
        h('td', {}))), rows)));
  document.addEventListener('akin-key', () => {
    isIdle = false;
    tick();
  }, {signal});
  return {root, tick};
}
