/*
 * Reports beside the models: links to the pages, and the figures of evaluations joined to the models
 * of the same name. A link carries its own proof where keys are needed, and ends after an hour.
 */
import {call, isAborted} from './api.js';
import {h} from './dom.js';
import {number, t, when} from './i18n.js';

export async function listReports(signal) {
  try {
    return (await call('/v1/reports', {signal})).reports || [];
  } catch (error) {
    if (isAborted(error))
      throw error;
    return []; /* the models are shown without */
  }
}

/* {name of a model: its metrics} of every evaluation among the reports; the newest counts. */
export async function evaluations(reports, signal) {
  const found = {};
  const figures = reports.filter((r) => r.kind === 'figures')
    .sort((a, b) => String(a.modified).localeCompare(String(b.modified)));
  for (const report of figures) {
    try {
      for (const result of (await call(report.href, {signal})).results || [])
        found[result.model] = result.metrics;
    } catch (error) {
      if (isAborted(error))
        throw error;
    }
  }
  return found;
}

export function reportLinks(reports) {
  const pages = reports.filter((r) => r.kind === 'page');
  return pages.length === 0 ? null : h('section', {class: 'box', 'aria-label': t('reports.title')},
    h('h2', {}, t('reports.title')),
    h('ul', {}, pages.map((r) => h('li', {},
      h('a', {href: r.href, target: '_blank', rel: 'noopener'}, r.name), ' ',
      h('span', {class: 'note'}, t('reports.line',
        {kb: number(Math.ceil(r.bytes / 1024)), modified: when(r.modified)}))))));
}
