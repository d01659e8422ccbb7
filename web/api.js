/*
 * Talks to /v1. Every answer is JSON; every failure becomes an ApiError that carries the server's
 * problem document, so that views show words and not numbers. A 401 asks for a key once and tries
 * again; several requests that meet it together share the one dialogue.
 */
const KEY = 'akin.key';
const DETAILS_KEPT = 500; /* items; a page shows some tens at a time */

let memory = null; /* in place of sessionStorage where that is forbidden */
let askForKey = null;
let asking = null;
const details = new Map();

export function getKey() {
  try {
    return window.sessionStorage.getItem(KEY);
  } catch {
    return memory;
  }
}

/* Only the tab keeps it: sessionStorage ends with the tab and is never sent anywhere by itself. */
export function setKey(key) {
  memory = key;
  details.clear(); /* another key may see other things */
  try {
    if (key)
      window.sessionStorage.setItem(KEY, key);
    else
      window.sessionStorage.removeItem(KEY);
  } catch {
    /* kept in memory */
  }
}

/* ask(wasWrong) → true once there is a key to try. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status; /* 0: no answer */
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

export const isAborted = (error) => error && error.name === 'AbortError';

/* path(['items', id, 'similar'], {k: 10}): each part is one segment whatever is in it. */
export function path(parts, query = {}) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '')
      pairs.set(name, String(value));
  }
  const text = pairs.toString();
  return `/v1/${parts.map((part) => encodeURIComponent(part)).join('/')}${text ? `?${text}` : ''}`;
}

async function problemOf(response) {
  try {
    const problem = await response.json();
    return problem && typeof problem === 'object' ? problem : {};
  } catch (error) {
    if (isAborted(error))
      throw error;
    return {}; /* something before the server answered, and not in JSON */
  }
}

async function send(url, options) {
  const headers = {Accept: options.asText ? 'text/plain' : 'application/json'};
  const key = getKey();
  if (key)
    headers.Authorization = `Bearer ${key}`;
  let body;
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  try {
    return await fetch(url, {method: options.method || 'GET', headers, body,
      signal: options.signal, credentials: 'omit', redirect: 'error'});
  } catch (error) {
    if (isAborted(error))
      throw error;
    throw new ApiError(0, {detail: ''});
  }
}

function ask(wasWrong) {
  if (!asking)
    asking = askForKey(wasWrong).finally(() => { asking = null; });
  return asking;
}

/* options: method, body, signal, asText, isQuiet (a 401 is an error and opens no dialogue). */
export async function call(url, options = {}) {
  for (;;) {
    const used = getKey();
    const response = await send(url, options);
    if (response.status === 401 && !options.isQuiet && askForKey) {
      /* another request may have got a key while this one was under way */
      if (getKey() !== used || await ask(Boolean(used))) {
        options.signal?.throwIfAborted();
        continue;
      }
    }
    if (!response.ok) {
      throw new ApiError(response.status, await problemOf(response),
        Number(response.headers.get('Retry-After')) || 0);
    }
    return options.asText ? response.text() : response.json();
  }
}

/* A signal for the newest of a kind of request: asking again ends the one before, and with it any
 * chance that an old answer is drawn over a new one. */
export function newest(outer) {
  let controller = null;
  return () => {
    controller?.abort();
    controller = new AbortController();
    return AbortSignal.any([outer, controller.signal]);
  };
}

export async function models(signal) {
  const answer = await call(path(['models']), {signal});
  return Array.isArray(answer.models) ? answer.models : [];
}

/* Attributes of an item, kept: lists show the same items again and again. */
export async function item(id, signal) {
  if (details.has(id))
    return details.get(id);
  const answer = await call(path(['items', id]), {signal});
  if (details.size >= DETAILS_KEPT)
    details.delete(details.keys().next().value);
  details.set(id, answer);
  return answer;
}

/* What a like is worth to a model: where it learnt from ratings, the best of them. */
export function likeValue(model) {
  const [low, high] = (model && model.values) || [];
  return Number.isFinite(low) && Number.isFinite(high) && high > low ? high : undefined;
}
