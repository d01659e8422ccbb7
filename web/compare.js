/* Two models side by side for one person; what both say is marked, with its rank over there. */
import {isAborted, likeValue, models as allModels, newest} from './api.js';
import {hasAsker, modelOf, modelOptions, readState, recommend, userField, writeState} from
  './asker.js';
import {cardList} from './cards.js';
import {announce, field, freshId, h, select, set} from './dom.js';
import {errorBox} from './errors.js';
import {t} from './i18n.js';

export async function mount(root, {query, signal}) {
  const state = readState(query);
  const models = await allModels(signal);
  const first = modelOf(models, state.model);
  const second = models.find((m) => m.name === state.other) ||
    models.find((m) => m !== first) || first;
  state.model = first ? first.name : '';
  state.other = second ? second.name : '';
  state.isNew = false; /* two lists need one person that both models can know */
  const ask = newest(signal);
  const summary = h('p', {class: 'summary'});

  const sides = ['model', 'other'].map((key, i) => {
    const side = {key, ranks: new Map(), notice: h('div'), title: h('h2', {})};
    side.cards = cardList({label: t(i ? 'compare.right' : 'compare.left'), marks: (entry) => {
      const rank = sides[1 - i].ranks.get(entry.item_id);
      return rank === undefined ? null : t('compare.also', {rank});
    }});
    side.root = h('section', {'aria-label': t(i ? 'compare.right' : 'compare.left')},
      side.title, side.notice, side.cards.root);
    return side;
  });

  async function answerOf(side, mine) {
    try {
      const model = modelOf(models, state[side.key]);
      const answer = await recommend(state, state[side.key], likeValue(model), mine);
      return {items: answer.items || [], fallback: answer.fallback};
    } catch (error) {
      if (isAborted(error))
        throw error;
      return {items: [], error};
    }
  }

  async function refresh() {
    writeState('compare', state);
    for (const side of sides)
      side.title.textContent = state[side.key];
    if (!hasAsker(state)) {
      summary.textContent = t('compare.start');
      return;
    }
    const mine = ask();
    for (const side of sides) {
      side.cards.clear();
      side.cards.wait(state.k);
    }
    try {
      const answers = await Promise.all(sides.map((side) => answerOf(side, mine)));
      if (mine.aborted)
        return;
      /* both sets of ranks first: each list marks what the other holds */
      sides.forEach((side, i) => {
        side.ranks = new Map(answers[i].items.map((entry, rank) =>
          [entry.item_id, rank + 1]));
      });
      sides.forEach((side, i) => {
        const {items, error, fallback} = answers[i];
        set(side.notice, error && errorBox(error, refresh),
          fallback && h('p', {class: 'notice'}, t('rec.no_history')));
        side.cards.show(items, mine);
      });
      const both = answers[0].items.filter((e) => sides[1].ranks.has(e.item_id)).length;
      summary.textContent = t('compare.common', {n: both,
        of: Math.max(answers[0].items.length, answers[1].items.length)});
      announce(summary.textContent);
    } catch (error) {
      if (!isAborted(error))
        set(sides[0].notice, errorBox(error, refresh));
    }
  }

  const who = userField(state, signal, (user) => {
    state.user = user;
    refresh();
  });
  const choose = (key) => select(modelOptions(models), state[key], (name) => {
    state[key] = name;
    refresh();
  });
  const explainBox = h('input', {type: 'checkbox', id: freshId('explain'), on: {change: () => {
    state.explain = explainBox.checked;
    refresh();
  }}});
  explainBox.checked = state.explain;
  set(root,
    h('h1', {tabindex: '-1'}, t('compare.title')),
    h('section', {class: 'controls', 'aria-label': t('rec.controls')},
      field(t('compare.left'), choose('model')), field(t('compare.right'), choose('other')),
      who.root,
      h('div', {class: 'checks'},
        h('label', {for: explainBox.id}, explainBox, ' ', t('rec.explain')))),
    summary,
    h('div', {class: 'two'}, sides.map((side) => side.root)));
  refresh();
}
