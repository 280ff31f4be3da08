// What a pivot carries: from one datum to the same moment in another signal. One table, used by every view.
import { absolute_range, type ResolvedRange } from './time_range';
import type { Labels } from '../api/prometheus';

// A string literal of PromQL, LogQL or TraceQL. Control characters are escaped, so any text is safe inside.
export function quoted(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`;
}

export function regex_quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

const label_name = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function selector(labels: Labels): string {
  return `{${Object.entries(labels).map(([name, value]) => `${label_name.test(name) ? name : quoted(name)}=${quoted(value)}`).join(', ')}}`;
}

// The service a series or a stream belongs to.
export function service_of(labels: Labels): string | null {
  return labels.service_name ?? labels.service ?? labels.job ?? labels['service.name'] ?? labels['resource.service.name'] ?? null;
}

// Span metrics know the service as `service`, scraped series as `job`, OTLP series as `job` or `service_name`.
export function span_red_queries(service: string, operation: string | null, window: string): string[] {
  const labels: Labels = operation === null ? { service } : { service, span_name: operation };
  const inner = selector(labels);
  const failed = selector({ ...labels, status_code: 'STATUS_CODE_ERROR' });
  return [
    `histogram_quantile(0.99, sum by (le) (rate(traces_spanmetrics_latency_bucket${inner}[${window}])))`,
    `sum(rate(traces_spanmetrics_calls_total${inner}[${window}]))`,
    `sum(rate(traces_spanmetrics_calls_total${failed}[${window}]))`,
  ];
}

// A scrape target's own series: named by job and instance, by all its labels where relabelling took these away.
function of_target(labels: Labels): string {
  const named = Object.fromEntries(['job', 'instance'].flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])));
  return selector(Object.keys(named).length > 0 ? named : labels);
}

export function target_up_query(labels: Labels): string {
  return `up${of_target(labels)}`;
}

// How its scrapes went: what every scrape writes, a failed one too.
export function target_scrape_queries(labels: Labels): string[] {
  return ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added'].map((name) => `${name}${of_target(labels)}`);
}

export function edge_red_queries(client: string, server: string, window: string): string[] {
  const inner = selector({ client, server });
  return [
    `histogram_quantile(0.99, sum by (le) (rate(traces_service_graph_request_server_seconds_bucket${inner}[${window}])))`,
    `sum(rate(traces_service_graph_request_total${inner}[${window}]))`,
    `sum(rate(traces_service_graph_request_failed_total${inner}[${window}]))`,
  ];
}

export function traceql_of_service(service: string): string {
  return `{ resource.service.name = ${quoted(service)} }`;
}

export function traceql_of_failures(service: string): string {
  return `{ resource.service.name = ${quoted(service)} && status = error }`;
}

export function traceql_of_span(service: string, name: string): string {
  return `{ resource.service.name = ${quoted(service)} && name = ${quoted(name)} }`;
}

// The service graph calls whoever is not traced "user": there is no span of its own to ask for.
export const untraced_client = 'user';

export function traceql_of_edge(client: string, server: string): string {
  if (client === untraced_client) return `{ resource.service.name = ${quoted(server)} && kind = server }`;
  return `{ resource.service.name = ${quoted(client)} } >> { resource.service.name = ${quoted(server)} }`;
}

// Spans of a service whose route or operation the series' labels name.
export function traceql_of_series(labels: Labels): string | null {
  const service = service_of(labels);
  if (service === null) return null;
  const conditions = [`resource.service.name = ${quoted(service)}`];
  const name = labels.span_name;
  const route = labels.endpoint ?? labels.route ?? labels.http_route;
  if (name) conditions.push(`name = ${quoted(name)}`);
  else if (route) conditions.push(`name =~ ${quoted(`.*${regex_quoted(route)}`)}`);
  return `{ ${conditions.join(' && ')} }`;
}

// A range around a moment.
export function around(ms: number, before_ms: number, after_ms = before_ms): { from: string; to: string } {
  return absolute_range(ms - before_ms, ms + after_ms);
}

// The range in which an alert's metric is looked at: ten minutes before it became pending until now, or an hour at most.
export function alert_range(active_ms: number, now_ms: number): { from: string; to: string } {
  const to_ms = Math.max(active_ms + 30_000, Math.min(now_ms, active_ms + 3_600_000));
  return absolute_range(active_ms - 600_000, to_ms);
}

export interface AlertSide {
  query: string;
  threshold: string | null;
}

const comparison = /^(>=|<=|==|!=|>|<)$/;

// The expression of an alert, taken apart at `and`/`or` and at its comparison with a number: what to draw, and the line it
// must not cross. A part without such a comparison is drawn as it is.
export function alert_sides(expression: string): AlertSide[] {
  return split_top_level(expression, /^(and|or|unless)$/).map((part) => {
    const pieces = split_top_level(part.text, comparison);
    if (pieces.length === 2 && !/^bool\b/.test(pieces[1].text)) {
      const [left, right] = pieces.map(({ text }) => text);
      if (is_constant(right)) return { query: left, threshold: right };
      if (is_constant(left)) return { query: right, threshold: left };
    }
    return { query: part.text, threshold: null };
  });
}

function is_constant(text: string): boolean {
  return /^[\d\s.+\-*/()eE]+$/.test(text) && /\d/.test(text);
}

interface Part {
  text: string;
}

// Splits where an operator stands outside all brackets and strings. A modifier such as on(...) or ignoring(...) goes too.
function split_top_level(text: string, operator: RegExp): Part[] {
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_:][A-Za-z0-9_:.]*|>=|<=|==|!=|=~|!~|[(){}[\]<>]|[^\s]/g);
  const parts: Part[] = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of tokens) {
    if ('([{'.includes(token)) depth++;
    else if (')]}'.includes(token)) depth--;
    else if (depth === 0 && operator.test(token)) {
      parts.push({ text: text.slice(start, index) });
      start = index + token.length;
      const modifier = /^\s*(?:on|ignoring)\s*\([^)]*\)/.exec(text.slice(start));
      if (modifier) start += modifier[0].length;
    }
  }
  parts.push({ text: text.slice(start) });
  return parts.map(({ text: part }) => ({ text: unwrap(part) })).filter(({ text: part }) => part !== '');
}

// Without the whitespace and the one pair of parentheses around everything.
function unwrap(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('(') || !trimmed.endsWith(')')) return trimmed;
  let depth = 0;
  for (let index = 0; index < trimmed.length; index++) {
    if (trimmed[index] === '(') depth++;
    else if (trimmed[index] === ')') depth--;
    if (depth === 0 && index < trimmed.length - 1) return trimmed;
  }
  return unwrap(trimmed.slice(1, -1));
}

export function alert_queries(expression: string): string[] {
  const sides = alert_sides(expression);
  const thresholds = [...new Set(sides.map(({ threshold }) => threshold).filter((one): one is string => one !== null))];
  return [...sides.map(({ query }) => query), ...thresholds];
}

export function zoomed(range: ResolvedRange): { from: string; to: string } {
  return absolute_range(range.from_ms, range.to_ms);
}

interface RecordingRule {
  type: string;
  name: string;
  query: string;
  labels?: Labels;
}

// The recording rules behind the recorded series a query names: their own expressions hold the series with exemplars.
export function recorded_expressions(query: string, rules: RecordingRule[]): { name: string; query: string }[] {
  const found: { name: string; query: string }[] = [];
  for (const rule of rules) {
    if (rule.type !== 'recording') continue;
    const place = new RegExp(`(?<![\\w:])${regex_quoted(rule.name)}(?![\\w:])\\s*(\\{[^}]*\\})?`).exec(query);
    if (!place) continue;
    const wanted = [...(place[1] ?? '').matchAll(/(\w+)\s*=\s*"([^"]*)"/g)];
    if (wanted.some(([, name, value]) => rule.labels?.[name] !== undefined && rule.labels[name] !== value)) continue;
    if (!found.some((one) => one.query === rule.query)) found.push({ name: rule.name, query: rule.query });
  }
  return found;
}

// Histograms a query reads: name without suffix, and the equality matchers it puts on them except le.
export function histograms_in(query: string): { name: string; labels: Labels }[] {
  const found = new Map<string, Labels>();
  for (const [, name, , matchers = ''] of query.matchAll(/([A-Za-z_:][\w:]*?)_(bucket|count|sum)\b\s*(?:\{([^}]*)\})?/g)) {
    const labels: Labels = {};
    for (const [, label, value] of matchers.matchAll(/(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"/g)) if (label !== 'le') labels[label] = value;
    if (!found.has(name)) found.set(name, labels);
  }
  return [...found].map(([name, labels]) => ({ name, labels }));
}

// Names that stand where a metric stands: outside strings, matchers, ranges and label lists, and not called as a function.
export function metric_names_in(query: string): string[] {
  const bare = query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '').replace(/\{[^}]*\}/g, '').replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'start', 'end', 'inf', 'nan', 'Inf', 'NaN']);
  return [...new Set([...bare.matchAll(/(?<![\w:.])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])/g)].map(([, name]) => name).filter((name) => !words.has(name)))];
}

// The label="value" matchers of a query, with the metric they stand behind (null: in a selector without a name).
export function equal_matchers_in(query: string): { metric: string | null; label: string; value: string }[] {
  return [...query.matchAll(/([A-Za-z_:][\w:]*)?\s*\{([^{}]*)\}/g)].flatMap(([, metric, inside]) =>
    [...inside.matchAll(/([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => ({ metric: metric ?? null, label, value: value.replace(/\\(.)/g, '$1') })));
}
