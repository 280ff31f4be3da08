// TraceQL metrics: series counted from stored spans, with the traces that stand behind single values.
import type { ResolvedRange } from '../state/time_range';
import { get_json } from './http';
import { number_of, type Exemplar, type Labels, type Series } from './prometheus';

interface RawLabel { key: string; value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean } }
interface RawSeries {
  labels?: RawLabel[];
  samples?: { timestampMs: string; value?: number | string }[];
  exemplars?: { labels?: RawLabel[]; value?: number | string; timestampMs: string }[];
  value?: number | string;
}
interface Answer { series?: RawSeries[]; message?: string }

export interface TraceSeries extends Series {
  exemplars: Exemplar[];
}

function labels_of(labels: RawLabel[] = []): Labels {
  return Object.fromEntries(labels.map(({ key, value }) => [key, String(Object.values(value)[0] ?? '')]));
}

const seconds = (range: ResolvedRange) => ({ start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000) });

export async function trace_series(q: string, range: ResolvedRange, step_s: number, exemplars: number, signal?: AbortSignal): Promise<{ series: TraceSeries[]; partial: string | null }> {
  const answer = await get_json<Answer>('/api/metrics/query_range', { q, ...seconds(range), step: `${step_s}s`, exemplars }, signal);
  const series = (answer.series ?? []).map((raw) => {
    const labels = labels_of(raw.labels);
    return {
      labels, times_s: (raw.samples ?? []).map(({ timestampMs }) => Number(timestampMs) / 1000), values: (raw.samples ?? []).map(({ value = 0 }) => number_of(String(value))),
      exemplars: (raw.exemplars ?? []).map((one) => ({
        series: labels, labels: labels_of(one.labels), value: number_of(String(one.value ?? 0)), time_s: Number(one.timestampMs) / 1000, trace_id: labels_of(one.labels)['trace:id'] ?? null,
      })),
    };
  });
  return { series, partial: answer.message ?? null };
}

// One value a series, of the whole range.
export async function trace_values(q: string, range: ResolvedRange, signal?: AbortSignal): Promise<{ labels: Labels; value: number }[]> {
  const answer = await get_json<Answer>('/api/metrics/query', { q, ...seconds(range) }, signal);
  return (answer.series ?? []).map(({ labels, value = 0 }) => ({ labels: labels_of(labels), value: number_of(String(value)) }));
}
