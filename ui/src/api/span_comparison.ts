// What sets some spans apart from others: every value of every attribute, by effect size (docs/api/obelisk.md).
import type { ResolvedRange } from '../state/time_range';
import { get_json } from './http';

export interface ComparedValue {
  attribute: string;
  type: string;
  value: string;
  selected: number;
  others: number;
  effect: number; // Cohen's h: above 0 when more frequent among the selected
  significant: boolean;
}

export interface SpanComparison {
  selected: number;
  others: number;
  compared: number;
  values: ComparedValue[];
}

export async function compare_spans(q: string, selection: string, range: ResolvedRange, limit: number, signal?: AbortSignal): Promise<SpanComparison> {
  interface Raw { attribute: string; type: string; value: string; selected: string; others: string; effect: number; significant: boolean }
  const answer = await get_json<{ selectedSpans: string; otherSpans: string; comparedValues: string; values: Raw[] }>('/obelisk/api/v1/trace-comparison', {
    q, selection, start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000), limit,
  }, signal);
  return {
    selected: Number(answer.selectedSpans), others: Number(answer.otherSpans), compared: Number(answer.comparedValues),
    values: answer.values.map((one) => ({ ...one, value: String(one.value), selected: Number(one.selected), others: Number(one.others) })),
  };
}
