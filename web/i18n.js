/*
 * Languages: a table of texts each. The reader's choice is remembered; without one the browser's
 * wish counts. Numbers and times follow the language too.
 */
import en from './en.js';
import es from './es.js';

const tables = {en, es};
const MEMORY = 'akin.lang';

/* Storage may be forbidden; the page works without a memory. */
function remembered() {
  try {
    return window.localStorage.getItem(MEMORY);
  } catch {
    return null;
  }
}

function wished() {
  for (const name of [remembered(), ...(navigator.languages || [navigator.language])]) {
    const short = String(name || '').slice(0, 2).toLowerCase();
    if (Object.hasOwn(tables, short))
      return short;
  }
  return 'en';
}

let current = wished();

/* The reader's own variant of the language, as en-GB, for numbers and dates. */
const locale = () =>
  (navigator.languages || []).find((name) => name.startsWith(current)) || current;

export const language = () => current;

export function setLanguage(name) {
  if (!Object.hasOwn(tables, name))
    return;
  current = name;
  try {
    window.localStorage.setItem(MEMORY, name);
  } catch {
    /* not remembered, but used */
  }
}

/*
 * The text of a key, {name} replaced. With n the form `key.one` is taken where the language wants
 * the singular. A missing key shows itself, so that it is found.
 */
export function t(key, values = {}) {
  const table = tables[current];
  let text = table[key];
  if (values.n !== undefined) {
    const form = new Intl.PluralRules(current).select(Number(values.n));
    text = table[`${key}.${form}`] ?? text;
  }
  if (text === undefined)
    return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined)
      return whole;
    return typeof value === 'number' ? number(value) : String(value);
  });
}

/* Whether there is a text for what the server calls by a code. */
export const has = (key) => Object.hasOwn(tables[current], key);

export function number(value, digits = 3) {
  return new Intl.NumberFormat(locale(), {maximumSignificantDigits: Math.max(digits,
    Math.abs(value) >= 1 ? Math.floor(Math.log10(Math.abs(value))) + 1 : 1)}).format(value);
}

/* "Heat, Casino and Ronin" */
export function listed(texts) {
  return new Intl.ListFormat(locale(), {type: 'conjunction'}).format(texts);
}

export function when(value) {
  const date = new Date(typeof value === 'number' ? value * 1000 : value);
  if (Number.isNaN(date.getTime()))
    return String(value);
  return new Intl.DateTimeFormat(locale(), {dateStyle: 'medium', timeStyle: 'short'}).format(date);
}

export function seconds(value) {
  if (!Number.isFinite(value))
    return '—';
  if (value < 0.001)
    return `${number(value * 1e6)} µs`;
  if (value < 1)
    return `${number(value * 1000)} ms`;
  return `${number(value)} s`;
}

export function duration(value) {
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, size] = units.find((u) => value >= u[1]) || units[3];
  return new Intl.NumberFormat(locale(), {style: 'unit', unit, unitDisplay: 'short',
    maximumFractionDigits: value < 10 || size >= 3600 ? 1 : 0}).format(value / size);
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; Math.abs(value) >= 1024 && i + 1 < units.length; i++)
    value /= 1024;
  return `${number(value)} ${units[i]}`;
}

/* Texts that stand in index.html. */
export function translateShell() {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll('[data-t]'))
    element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll('[data-t-label]'))
    element.setAttribute('aria-label', t(element.dataset.tLabel));
}
