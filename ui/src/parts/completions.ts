// What the editors complete from: live names and values of the store, and each language's own words.
import { label_names, label_values } from '../api/prometheus';
import { log_label_names, log_label_values } from '../api/loki';
import { trace_tag_values, trace_tags } from '../api/tempo';
import type { ResolvedRange } from '../state/time_range';
import type { CompletionSource, Suggestion } from './code_editor';

const fresh_ms = 30_000;
const cache = new Map<string, { at: number; list: Promise<string[]> }>();

function cached(key: string, load: () => Promise<string[]>): Promise<string[]> {
  const known = cache.get(key);
  if (known && performance.now() - known.at < fresh_ms) return known.list;
  const list = load();
  cache.set(key, { at: performance.now(), list });
  list.catch(() => cache.delete(key));
  return list;
}

const as = (kind: Suggestion['kind'], detail?: string) => (label: string): Suggestion => ({ label, kind, detail });

const promql_functions = ['abs', 'absent', 'absent_over_time', 'avg', 'avg_over_time', 'ceil', 'changes', 'clamp', 'clamp_max', 'clamp_min', 'count', 'count_over_time',
  'delta', 'deriv', 'exp', 'floor', 'group', 'histogram_quantile', 'holt_winters', 'idelta', 'increase', 'irate', 'label_join', 'label_replace', 'last_over_time', 'ln',
  'max', 'max_over_time', 'min', 'min_over_time', 'predict_linear', 'quantile', 'quantile_over_time', 'rate', 'resets', 'round', 'scalar', 'sort', 'sort_desc', 'sqrt',
  'stddev', 'sum', 'sum_over_time', 'time', 'timestamp', 'topk', 'bottomk', 'vector'];
const promql_words = ['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset', 'and', 'or', 'unless', 'bool'];

export function promql_completions(): CompletionSource {
  return async ({ value_of, in_braces, before }) => {
    const metric = /([A-Za-z_:][\w:]*)\s*\{[^{}]*$/.exec(before)?.[1];
    if (value_of !== null) return (await cached(`pv ${value_of} ${metric}`, () => label_values(value_of, undefined, metric))).map(as('value'));
    if (in_braces) return (await cached(`pl ${metric}`, () => label_names(undefined, metric))).map(as('label'));
    const metrics = await cached('pm', () => label_values('__name__'));
    return [...metrics.map(as('metric')), ...promql_functions.map(as('function', 'function')), ...promql_words.map(as('keyword'))];
  };
}

const logql_stages = ['json', 'logfmt', 'unpack', 'pattern', 'regexp', 'line_format', 'label_format', 'unwrap', 'decolorize', 'drop', 'keep'];
const logql_functions = ['count_over_time', 'rate', 'bytes_over_time', 'bytes_rate', 'sum', 'avg', 'min', 'max', 'count', 'topk', 'bottomk', 'sum_over_time', 'avg_over_time',
  'max_over_time', 'min_over_time', 'quantile_over_time', 'absent_over_time', 'by', 'without'];

export function logql_completions(range: ResolvedRange, fields: () => { name: string; values: string[] }[]): CompletionSource {
  return async ({ value_of, in_braces, before }) => {
    if (value_of !== null && in_braces) return (await cached(`lv ${value_of}`, () => log_label_values(value_of, range))).map(as('value'));
    if (value_of !== null) return (fields().find(({ name }) => name === value_of)?.values ?? []).map(as('value', 'in the loaded lines'));
    if (in_braces) return (await cached('ll', () => log_label_names(range))).map(as('label'));
    if (before.includes('|')) return [...logql_stages.map(as('keyword', 'stage')), ...fields().map(({ name }) => as('label', 'field')(name))];
    return logql_functions.map(as('function'));
  };
}

const intrinsics = ['name', 'duration', 'status', 'kind', 'rootName', 'rootServiceName', 'traceDuration', 'statusMessage', 'nestedSetParent', 'span:id', 'span:parentID', 'span:childCount', 'span:selfTime',
  'span:onCriticalPath', 'trace:id', 'trace:duration', 'trace:rootName', 'trace:rootService', 'event:name', 'event:timeSinceStart', 'link:traceID', 'link:spanID', 'instrumentation:name', 'instrumentation:version',
  'parent.name', 'parent.duration', 'parent.resource.service.name'];
const fixed_values: Record<string, string[]> = { status: ['error', 'ok', 'unset'], kind: ['server', 'client', 'internal', 'producer', 'consumer'] };
const traceql_functions = ['rate()', 'count_over_time()', 'quantile_over_time(duration, .99)', 'avg_over_time(duration)', 'max_over_time(duration)', 'min_over_time(duration)', 'sum_over_time(duration)',
  'histogram_over_time(duration)', 'compare({ status = error })', 'avg(duration)', 'max(duration)', 'min(duration)', 'sum(duration)', 'count()', 'by(name)', 'by (resource.service.name)', 'select(name)', 'coalesce()',
  'topk(5)', 'bottomk(5)', 'with (exemplars=true)'];

export function traceql_completions(): CompletionSource {
  return async ({ value_of, in_braces, before }) => {
    if (value_of !== null) return (await cached(`tv ${value_of}`, () => trace_tag_values(value_of))).map(as('value'));
    if (in_braces) {
      const bare = /\b(status|kind)\s*(?:=|!=)\s*\w*$/.exec(before);
      if (bare) return fixed_values[bare[1]].map(as('value'));
      if (/\b(span:|trace:)onCriticalPath\s*=\s*\w*$/.test(before)) return ['true', 'false'].map(as('value'));
      const scopes = await cached('tt', async () => (await trace_tags()).flatMap(({ scope, tags }) =>
        tags.map((tag) => (scope === 'intrinsic' ? tag : `${scope}.${tag}`))));
      return [...new Set([...intrinsics, ...scopes])].map(as('label'));
    }
    return before.includes('|') ? traceql_functions.map(as('function')) : [{ label: '{ }', kind: 'keyword', apply: '{  }' }];
  };
}
