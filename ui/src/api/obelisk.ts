// Obelisk's own API: what is joined in the store, so that no view has to guess labels.
import { get_json } from './http';
import { ms_to_ns } from '../format/time';
import type { LogLine } from './loki';
import { number_of, trace_id_of, span_id_of, type Exemplar, type Labels } from './prometheus';

interface OwnLine {
  timeUnixNano: string;
  line: string;
  spanId?: string;
  severityText?: string;
  labels: Labels;
  attributes: Labels;
}

export interface TraceLines {
  lines: LogLine[];
  truncated: boolean;
  incomplete: string | null; // why, when a part of the store could not be read
}

const trace_lines_max = 5000;

// All log lines of a trace, oldest first, wherever each has its trace id.
export async function trace_logs(trace_id: string, signal?: AbortSignal): Promise<TraceLines> {
  const answer = await get_json<{ logs: OwnLine[]; truncated: boolean; complete: boolean; reason?: string }>(
    `/obelisk/api/v1/traces/${encodeURIComponent(trace_id)}/logs`, { limit: trace_lines_max }, signal);
  const lines = answer.logs.map(({ timeUnixNano, line, spanId, severityText, labels, attributes }) => {
    const all: Labels = { ...attributes, ...labels };
    if (spanId) all.span_id ??= spanId;
    if (severityText) all.severity_text ??= severityText;
    all.trace_id ??= trace_id;
    return { time_ns: timeUnixNano, time_ms: Number(BigInt(timeUnixNano) / 1000n) / 1000, labels: all, text: line };
  });
  return { lines, truncated: answer.truncated, incomplete: answer.complete ? null : answer.reason ?? 'a part of the store could not be read' };
}

// The patterns that were born in the range: no line of the selector's streams had them for `since_ms` before.
export async function new_patterns(selector: string, since_ms: number, range: { from_ms: number; to_ms: number }, signal?: AbortSignal): Promise<{ pattern: string; lines: number }[]> {
  const answer = await get_json<{ patterns: { pattern: string; lines: string }[] }>('/obelisk/api/v1/new-patterns', {
    query: selector, since: `${Math.round(since_ms / 1000)}s`, start: ms_to_ns(range.from_ms), end: ms_to_ns(range.to_ms), limit: 1000,
  }, signal);
  return answer.patterns.map(({ pattern, lines }) => ({ pattern, lines: Number(lines) }));
}

export async function trace_exemplars(trace_id: string, signal?: AbortSignal): Promise<Exemplar[]> {
  const answer = await get_json<{ exemplars: { timeUnixNano: string; value: number | string; series: Labels; attributes: Labels }[] }>(
    `/obelisk/api/v1/traces/${encodeURIComponent(trace_id)}/exemplars`, { limit: 100 }, signal);
  return answer.exemplars.map(({ timeUnixNano, value, series, attributes }) => ({
    series, labels: attributes, value: number_of(String(value)), time_s: Number(BigInt(timeUnixNano) / 1000000n) / 1000, trace_id: trace_id_of(attributes),
  }));
}

// Fields of a line: its labels and metadata, and the members of its text when that is a JSON object or logfmt.
const fields_max = 400;
const parse_characters_max = 262_144;

export function text_fields(line: LogLine): Labels {
  const fields: Labels = {};
  const text = line.text;
  if (text.length <= parse_characters_max && text.trimStart().startsWith('{')) {
    try {
      flatten(JSON.parse(text) as Record<string, unknown>, '', fields, 0);
    } catch {
      // not JSON after all
    }
  } else if (text.length <= parse_characters_max && /^\s*[\w.]+=/.test(text)) {
    for (const [, name, quoted_value, bare] of text.matchAll(/([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
      if (Object.keys(fields).length >= fields_max) break;
      fields[name] = quoted_value ?? bare ?? '';
    }
  }
  return fields;
}

export function fields_of(line: LogLine): Labels {
  return { ...text_fields(line), ...line.labels };
}

function flatten(value: Record<string, unknown>, prefix: string, into: Labels, depth: number): void {
  for (const [name, one] of Object.entries(value)) {
    if (Object.keys(into).length >= fields_max) return;
    if (one !== null && typeof one === 'object' && !Array.isArray(one) && depth < 4) flatten(one as Record<string, unknown>, `${prefix}${name}_`, into, depth + 1);
    else into[`${prefix}${name}`] = typeof one === 'string' ? one : JSON.stringify(one) ?? '';
  }
}

export function ids_of(line: LogLine, fields = fields_of(line)): { trace_id: string | null; span_id: string | null } {
  return { trace_id: trace_id_of(fields), span_id: span_id_of(fields) };
}

export interface TraceqlStage {
  text: string;
  spans: number; // left after it
  filters: { text: string; spans: number; conditions: { text: string; spans: number }[] }[];
}

// Why a query finds what it finds, or nothing: of its first pipeline.
export async function explain_traceql(q: string, range: { from_ms: number; to_ms: number }, signal?: AbortSignal): Promise<{ why_empty: string[]; stages: TraceqlStage[] }> {
  interface Condition { condition: string; spans: string }
  interface Stage { stage: string; spansLeft: string; filters: { filter: string; spans: string; conditions: Condition[] }[] }
  const answer = await get_json<{ whyEmpty: string[]; pipelines: { stages: Stage[] }[] }>(
    '/obelisk/api/v1/traceql/explain', { q, start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000) }, signal);
  return {
    why_empty: answer.whyEmpty,
    stages: (answer.pipelines[0]?.stages ?? []).map(({ stage, spansLeft, filters }) => ({
      text: stage, spans: Number(spansLeft),
      filters: filters.map(({ filter, spans, conditions }) => ({ text: filter, spans: Number(spans), conditions: conditions.map((one) => ({ text: one.condition, spans: Number(one.spans) })) })),
    })),
  };
}
