// Prometheus' HTTP API, as far as the views ask it.
import { get_json } from './http';
import type { ResolvedRange } from '../state/time_range';

export type Labels = Record<string, string>;

export interface Series {
  labels: Labels;
  times_s: number[];
  values: (number | null)[];
}

interface Envelope<T> {
  status: string;
  data: T;
  warnings?: string[];
  infos?: string[];
}

interface MatrixData {
  resultType: string;
  result: { metric: Labels; values?: [number, string][]; value?: [number, string] }[];
}

export interface RangeResult {
  series: Series[];
  warnings: string[];
}

export function number_of(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

export async function query_range(query: string, range: ResolvedRange, step_s: number, signal?: AbortSignal): Promise<RangeResult> {
  // Aligned to the step, so that a refresh moves the points by whole steps; a step that has not ended would look like a fall.
  const start = Math.floor(range.from_ms / 1000 / step_s) * step_s;
  const end = Math.max(start, Math.floor(range.to_ms / 1000 / step_s) * step_s);
  const answer = await get_json<Envelope<MatrixData>>('/api/v1/query_range', { query, start, end, step: step_s }, signal);
  const series = answer.data.result.map(({ metric, values = [] }) => ({
    labels: metric,
    times_s: values.map(([time]) => time),
    values: values.map(([, value]) => number_of(value)),
  }));
  return { series, warnings: [...(answer.warnings ?? []), ...(answer.infos ?? [])] };
}

export interface Sample {
  labels: Labels;
  value: number;
}

export async function query_instant(query: string, time_ms: number, signal?: AbortSignal): Promise<Sample[]> {
  const answer = await get_json<Envelope<{ resultType: string; result: unknown }>>('/api/v1/query', { query, time: time_ms / 1000 }, signal);
  if (answer.data.resultType === 'scalar') {
    const [, value] = answer.data.result as [number, string];
    return [{ labels: {}, value: number_of(value) }];
  }
  return (answer.data.result as { metric: Labels; value: [number, string] }[]).map(({ metric, value }) => ({
    labels: metric,
    value: number_of(value[1]),
  }));
}

export interface Exemplar {
  series: Labels;
  labels: Labels;
  value: number;
  time_s: number;
  trace_id: string | null;
}

export async function query_exemplars(query: string, range: ResolvedRange, signal?: AbortSignal): Promise<Exemplar[]> {
  const answer = await get_json<Envelope<{ seriesLabels: Labels; exemplars: { labels: Labels; value: string; timestamp: number }[] }[]>>(
    '/api/v1/query_exemplars', { query, start: range.from_ms / 1000, end: range.to_ms / 1000 }, signal);
  return (answer.data ?? []).flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map(({ labels, value, timestamp }) => ({
      series: seriesLabels, labels, value: number_of(String(value)), time_s: Number(timestamp), trace_id: trace_id_of(labels),
    })));
}

const trace_names = ['trace_id', 'traceid', 'trace.id', 'trace'];

// The trace id among labels or fields, whatever its spelling; null when there is none that looks like one.
export function trace_id_of(fields: Labels): string | null {
  for (const [name, value] of Object.entries(fields)) {
    if (!trace_names.includes(name.toLowerCase())) continue;
    const text = String(value).toLowerCase();
    if (/^[0-9a-f]{16}$|^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text)) return text.padStart(32, '0');
  }
  return null;
}

export function span_id_of(fields: Labels): string | null {
  for (const [name, value] of Object.entries(fields)) {
    if (!['span_id', 'spanid', 'span.id'].includes(name.toLowerCase())) continue;
    const text = String(value).toLowerCase();
    if (/^[0-9a-f]{16}$/.test(text)) return text;
  }
  return null;
}

export async function label_names(signal?: AbortSignal, match?: string): Promise<string[]> {
  return (await get_json<Envelope<string[]>>('/api/v1/labels', { 'match[]': match }, signal)).data;
}

export async function label_values(name: string, range?: ResolvedRange, match?: string, signal?: AbortSignal): Promise<string[]> {
  return (await get_json<Envelope<string[]>>(`/api/v1/label/${encodeURIComponent(name)}/values`, {
    start: range ? range.from_ms / 1000 : undefined, end: range ? range.to_ms / 1000 : undefined, 'match[]': match,
  }, signal)).data;
}

export type Metadata = Record<string, { type: string; help: string; unit: string }[]>;

export async function metadata(signal?: AbortSignal): Promise<Metadata> {
  return (await get_json<Envelope<Metadata>>('/api/v1/metadata', {}, signal)).data;
}

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: string;
  activeAt: string;
  value: string;
}

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  labels?: Labels;
  annotations?: Labels;
  duration?: number;
  state?: string;
  health: string;
  lastError?: string;
  lastEvaluation?: string;
  evaluationTime?: number;
  alerts?: Alert[];
  language?: RuleLanguage;  // of its group; PromQL where it is absent
}

export type RuleLanguage = 'logql' | 'traceql';

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  lastEvaluation?: string;
  language?: RuleLanguage;
  rules: Rule[];
}

export async function rules(signal?: AbortSignal): Promise<RuleGroup[]> {
  const { groups } = (await get_json<Envelope<{ groups: RuleGroup[] }>>('/api/v1/rules', {}, signal)).data;
  return groups.map((group) => ({ ...group, rules: group.rules.map((rule) => ({ ...rule, language: group.language })) }));
}

export interface Target {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  health: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface DroppedTarget {
  discoveredLabels: Labels;
  scrapePool: string;
}

export interface TargetReport {
  activeTargets: Target[];
  droppedTargets: DroppedTarget[];
  droppedTargetCounts: Record<string, number>; // of every scrape pool there is, 0 included
}

export async function targets(state: 'active' | 'dropped', signal?: AbortSignal): Promise<TargetReport> {
  const { activeTargets, droppedTargets, droppedTargetCounts } = (await get_json<Envelope<Partial<TargetReport>>>('/api/v1/targets', { state }, signal)).data;
  return { activeTargets: activeTargets ?? [], droppedTargets: droppedTargets ?? [], droppedTargetCounts: droppedTargetCounts ?? {} };
}
