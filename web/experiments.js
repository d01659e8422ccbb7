/*
 * Experiments and canaries, for admins: what each arm brought with its interval, and a new generation
 * beside the old with the two ways to end that. Whoever may not read the results sees neither.
 */
import {call, isAborted, models as allModels, path} from './api.js';
import {modelName} from './asker.js';
import {confirm} from './dialogs.js';
import {announce, button, h, scrolling, set} from './dom.js';
import {errorBox} from './errors.js';
import {duration, number, seconds, t} from './i18n.js';
import {intervalPlot} from './interval.js';

const percent = (value) => `${number(100 * value)} %`;
const points = (value) => `${value > 0 ? '+' : ''}${number(100 * value)}`;
const within = (one, format) => one.value === null ? '—' : [format(one.value), ' ',
  h('span', {class: 'ci'}, `${format(one.lo)} – ${format(one.hi)}`)];

function splitTable(experiment) {
  const head = ['arm', 'model', 'share', 'users', 'converted', 'rate', 'difference'];
  return scrolling(`${experiment.name}: ${t('exp.rate')}`, h('table', {},
    h('thead', {}, h('tr', {}, head.map((key, i) =>
      h('th', {scope: 'col', class: i > 1 ? 'n' : null}, t(`exp.${key}`))))),
    h('tbody', {}, experiment.arms.map((arm) => h('tr', {},
      h('th', {scope: 'row'}, arm.name),
      h('td', {}, arm.model),
      [percent(arm.share), number(arm.users), number(arm.converted), within(arm.rate, percent),
        arm.difference ? within(arm.difference, points) : '—'].map((cell) =>
        h('td', {class: 'n'}, cell)))))));
}

function splitView(experiment) {
  return [splitTable(experiment), intervalPlot({title: t('exp.rate'), format: percent,
    rows: experiment.arms.map((arm) => ({name: arm.name, ...arm.rate}))})];
}

function interleaveView(experiment) {
  const [first, second] = experiment.arms;
  const {share_of_second: share, ...wins} = experiment.preference;
  return [h('p', {}, t('exp.users_n', {n: experiment.users})),
    h('p', {}, t('exp.wins', {first: first.name, a: wins.first, second: second.name,
      b: wins.second, ties: wins.ties, p: number(wins.p)})),
    intervalPlot({title: t('exp.preference', {name: second.name}), format: percent, mark: 0.5,
      rows: [{name: second.name, ...share}]})];
}

function experimentBox(experiment) {
  return h('section', {class: 'box', 'aria-label': experiment.name},
    h('h3', {}, experiment.name, ' ', h('span', {class: 'chip'}, t(`exp.${experiment.kind}`))),
    h('p', {class: 'note'}, t('exp.counts', {types: experiment.types.join(', ') || t('exp.any'),
      window: duration(experiment.window_seconds)})),
    experiment.kind === 'split' ? splitView(experiment) : interleaveView(experiment),
    experiment.untracked > 0 && h('p', {class: 'notice'},
      t('exp.untracked', {n: experiment.untracked})));
}

/* {root, read}: read() asks anew, and answers whether it is worth asking again. */
export function experimentsPanel(signal) {
  const status = h('div');
  const canaries = h('div', {class: 'stack'});
  const boxes = h('div', {class: 'stack'});
  const root = h('section', {'aria-label': t('exp.title'), hidden: true},
    h('h2', {}, t('exp.title')), status, canaries, boxes);
  let drawn = '';

  async function end(model, verb) {
    const done = await confirm(t(`canary.${verb}`), t(`canary.${verb}.ask`, {name: model.name}),
      t(`canary.${verb}`));
    if (done === null)
      return;
    try {
      await call(`${path(['models', model.name])}:${verb}`, {method: 'POST', body: {}, signal});
      const text = t(`canary.${verb}.done`, {name: model.name});
      set(status, h('p', {class: 'notice'}, text));
      announce(text);
      await read();
    } catch (error) {
      if (!isAborted(error))
        set(status, errorBox(error, () => end(model, verb)));
    }
  }

  function canaryBox(model) {
    const {canary} = model;
    const line = (one, share) => h('li', {}, t('canary.line', {generation: one.generation,
      share: percent(share), answers: one.answers, errors: one.errors,
      mean: seconds(one.mean_us / 1e6)}));
    return h('section', {class: 'box', 'aria-label': t('canary.of', {name: model.name})},
      h('h3', {}, t('canary.of', {name: modelName(model)})),
      h('ul', {}, line(canary, canary.share), line(model, 1 - canary.share)),
      h('p', {class: 'row'}, ['promote', 'rollback'].map((verb) =>
        button(t(`canary.${verb}`), () => end(model, verb),
          {'aria-label': `${t(`canary.${verb}`)}: ${model.name}`}))));
  }

  async function read() {
    try {
      const [answer, models] = await Promise.all([
        call(path(['experiments']), {signal, isQuiet: true}), allModels(signal)]);
      const split = models.filter((model) => model.canary);
      const text = JSON.stringify([answer, split]);
      if (text === drawn) /* a button under the pointer stays the same button */
        return true;
      drawn = text;
      root.hidden = answer.experiments.length === 0 && split.length === 0
        && !status.hasChildNodes();
      set(canaries, split.map(canaryBox));
      set(boxes, answer.experiments.map(experimentBox));
      return true;
    } catch (error) {
      return !isAborted(error) && error.status !== 401 && error.status !== 403;
    }
  }

  return {root, read};
}
