/*
 * The Prometheus text format, as far as akin writes it, and quantiles out of its histograms. A
 * quantile is interpolated inside its bucket, so that it is as good as the buckets are fine.
 */

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES = {n: '\n', '"': '"', '\\': '\\'};

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of (text || '').matchAll(LABEL))
    labels[name] = value.replace(/\\(.)/g, (whole, c) => ESCAPES[c] ?? whole);
  return labels;
}

/* name → [{labels, value}] */
export function parse(text) {
  const families = new Map();
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : LINE.exec(line);
    if (!match)
      continue;
    const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
    if (Number.isNaN(value))
      continue;
    if (!families.has(match[1]))
      families.set(match[1], []);
    families.get(match[1]).push({labels: labelsOf(match[2]), value});
  }
  return families;
}

/* The value of a family without labels. */
export function single(families, name) {
  return families.get(name)?.[0]?.value;
}

/* Requests by route: key → {method, route, count, errors, bounds, cumulative}. */
export function routes(families) {
  const found = new Map();
  const at = ({method = '', route = ''}) => {
    const key = `${method} ${route}`;
    if (!found.has(key))
      found.set(key, {method, route, count: 0, errors: 0, bounds: [], cumulative: []});
    return found.get(key);
  };
  for (const {labels, value} of families.get('akin_http_requests_total') || []) {
    const one = at(labels);
    one.count += value;
    if (/^5/.test(labels.status || ''))
      one.errors += value;
  }
  for (const {labels, value} of families.get('akin_http_request_seconds_bucket') || []) {
    const one = at(labels);
    one.bounds.push(labels.le === '+Inf' ? Infinity : Number(labels.le));
    one.cumulative.push(value);
  }
  return found;
}

/* What came between two readings; all of it if the server began anew between them. */
export function since(now, before) {
  if (!before || before.count > now.count || before.cumulative.length !== now.cumulative.length)
    return now;
  return {...now, count: now.count - before.count, errors: now.errors - before.errors,
    cumulative: now.cumulative.map((n, i) => n - before.cumulative[i])};
}

/* One histogram of many routes. */
export function together(list) {
  const all = {count: 0, errors: 0, bounds: [], cumulative: []};
  for (const one of list) {
    all.count += one.count;
    all.errors += one.errors;
    if (all.bounds.length === 0 && one.bounds.length) {
      all.bounds = one.bounds;
      all.cumulative = [...one.cumulative];
    } else if (one.bounds.length === all.bounds.length) {
      one.cumulative.forEach((n, i) => { all.cumulative[i] += n; });
    }
  }
  return all;
}

/* Seconds below which a share q of the requests stayed; NaN without any. */
export function quantile({bounds, cumulative}, q) {
  const total = cumulative[cumulative.length - 1];
  if (!(total > 0))
    return NaN;
  const rank = q * total;
  const i = cumulative.findIndex((n) => n >= rank);
  const low = i > 0 ? bounds[i - 1] : 0;
  if (bounds[i] === Infinity)
    return low; /* beyond the last bound nothing more is known */
  const below = i > 0 ? cumulative[i - 1] : 0;
  const inside = cumulative[i] - below;
  return inside > 0 ? low + (bounds[i] - low) * (rank - below) / inside : bounds[i];
}
