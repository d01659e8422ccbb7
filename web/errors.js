/* Failures in words: what happened, what the server says of it, and what to do about it. */
import {button, h} from './dom.js';
import {has, t} from './i18n.js';

const known = [400, 401, 403, 404, 409, 413, 422, 429, 503, 504];

function kindOf(status) {
  if (status === 0)
    return 'offline';
  if (known.includes(status))
    return String(status);
  return status >= 500 ? '500' : '400';
}

/* {title, detail, advice}; anything but an ApiError is a fault of this page and says so. */
export function explain(error) {
  if (error.status === undefined)
    return {title: t('error.page'), detail: error.message, advice: t('error.page.do')};
  const kind = kindOf(error.status);
  return {
    title: has(`error.${kind}`) ? t(`error.${kind}`) : t('error.500'),
    detail: error.problem.detail || error.problem.title || '',
    advice: error.retryAfter && has(`error.${kind}.wait`)
      ? t(`error.${kind}.wait`, {n: error.retryAfter}) : t(`error.${kind}.do`),
  };
}

export function errorBox(error, retry) {
  const words = explain(error);
  return h('div', {class: 'fault', role: 'alert'},
    h('p', {class: 'strong'}, words.title),
    words.detail && h('p', {class: 'said'}, words.detail),
    h('p', {}, words.advice),
    retry && button(t('retry'), retry));
}

/* The same in a line, where a box would be too loud. */
export function errorLine(error) {
  const words = explain(error);
  return h('p', {class: 'note'}, words.title, ' ', words.detail);
}
