/*
 * Who is asking, as the views see it: a known person, or someone new who is nothing but the items
 * that were clicked. And the words by which it stands in the address, so that a view can be shared
 * and the browser's back button works.
 */
import {call, path} from './api.js';
import {combo} from './combo.js';
import {t} from './i18n.js';

export const defaults = {k: 10, filter: '', explain: true};

/* From the part behind '?' of the hash. */
export function readState(query) {
  const k = Number(query.get('k'));
  return {
    model: query.get('model') || '',
    other: query.get('other') || '',
    isNew: query.get('new') === '1',
    user: query.get('user') || '',
    likes: query.getAll('like').map((id) => ({item_id: id})),
    k: Number.isInteger(k) && k >= 1 && k <= 100 ? k : defaults.k,
    filter: query.get('filter') || '',
    explain: query.get('explain') !== '0',
  };
}

/* Replaces the address: a change inside a view is no new page. */
export function writeState(view, state) {
  const query = new URLSearchParams();
  for (const name of ['model', 'other', 'user', 'filter']) {
    if (state[name])
      query.set(name, state[name]);
  }
  if (state.isNew) {
    query.set('new', '1');
    query.delete('user');
    for (const like of state.likes)
      query.append('like', like.item_id);
  }
  if (state.k !== defaults.k)
    query.set('k', String(state.k));
  if (!state.explain)
    query.set('explain', '0');
  const text = query.toString();
  window.history.replaceState(null, '', `#/${view}${text ? `?${text}` : ''}`);
}

export const hasAsker = (state) => state.isNew || state.user !== '';

/* The list for an asker: by id where there is one, else by history. value: what a like is worth. */
export function recommend(state, model, value, signal) {
  const filter = state.filter.trim() || undefined;
  if (!state.isNew) {
    return call(path(['users', state.user, 'recommendations'],
      {model, k: state.k, filter, explain: state.explain}), {signal});
  }
  const history = state.likes.map((like) => ({item_id: like.item_id, event_type: 'like', value}));
  return call(path(['recommendations']), {method: 'POST', signal,
    body: {history, model: model || undefined, k: state.k, filter, explain: state.explain}});
}

/* Search for one kind, for a combo. */
export async function findUsers(text, signal) {
  const answer = await call(path(['search'], {q: text || undefined}), {signal});
  return (answer.users || []).slice(0, 10).map((id) => ({value: id, text: id}));
}

export async function findItems(text, signal) {
  const answer = await call(path(['search'], {q: text || undefined}), {signal});
  return (answer.items || []).slice(0, 10).map((entry) =>
    ({value: entry.item_id, text: entry.title || entry.item_id,
      note: entry.title ? entry.item_id : ''}));
}

export function userField(state, signal, onPick) {
  return combo({label: t('asker.user'), placeholder: t('asker.user.hint'), find: findUsers,
    signal, free: true, value: state.user, onPick: (entry) => onPick(entry.value)});
}

/* "serving name (type)", the default first as the server gives it. */
export const modelName = (model) =>
  model.type && model.type !== model.name ? `${model.name} (${model.type})` : model.name;

export const modelOptions = (models) => models.map((model) =>
  [model.name, model.default ? `${modelName(model)} · ${t('models.default')}` : modelName(model)]);

/* The model a state means: what it names if that is served, else the default. */
export const modelOf = (models, name) => models.find((model) => model.name === name) ||
  models.find((model) => model.default) || models[0];
