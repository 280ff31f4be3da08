// Who called whom, counted from stored spans, for any TraceQL search and any past window (docs/api/obelisk.md).
import type { ResolvedRange } from '../state/time_range';
import { get_json } from './http';
import type { Edge } from './red';

export interface StoredGraph {
  nodes: { service: string; rate: number; errors: number }[];
  edges: Edge[];
  unpaired: number;
  partial: string | null;
}

export async function stored_graph(q: string, range: ResolvedRange, signal?: AbortSignal): Promise<StoredGraph> {
  interface RawEdge { client: string; server: string; requests: string; failed: string; serverP50Nanos: string; serverP99Nanos: string; clientP50Nanos: string; clientP99Nanos: string; slowestTraceId?: string }
  const answer = await get_json<{ nodes: { service: string; requests: string; failed: string }[]; edges: RawEdge[]; unpairedSpans: string; complete: boolean; reason?: string }>('/obelisk/api/v1/service-graph', {
    q, start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000),
  }, signal);
  const seconds = Math.max(1, (range.to_ms - range.from_ms) / 1000);
  const share = (failed: string, requests: string) => (Number(requests) > 0 ? Number(failed) / Number(requests) : NaN);
  // A side that sent no spans has no durations of its own.
  const either = (server: string, client: string) => (Number(server) || Number(client) || NaN) / 1e9;
  return {
    nodes: answer.nodes.map(({ service, requests, failed }) => ({ service, rate: Number(requests) / seconds, errors: share(failed, requests) })),
    edges: answer.edges.map((one) => ({
      client: one.client, server: one.server, rate: Number(one.requests) / seconds, errors: share(one.failed, one.requests), requests: Number(one.requests),
      p50: either(one.serverP50Nanos, one.clientP50Nanos), p99: either(one.serverP99Nanos, one.clientP99Nanos), slowest_trace_id: one.slowestTraceId ?? null,
    })),
    unpaired: Number(answer.unpairedSpans), partial: answer.complete ? null : answer.reason ?? 'a part of the store could not be read',
  };
}
