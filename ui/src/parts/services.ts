// Which services there are (of spans, of the metrics made from them, of log lines), and which log label carries a service's name: OTLP says service_name, others service or job.
import { useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { label_values } from '../api/prometheus';
import { log_label_names, log_label_values } from '../api/loki';
import { trace_tag_values } from '../api/tempo';
import { selector } from '../state/pivots';
import type { ResolvedRange } from '../state/time_range';

const log_labels = ['service_name', 'service', 'job', 'app', 'container'];

async function settled(list: Promise<string[]>): Promise<string[]> {
  return list.catch(() => []);
}

interface ServiceNames {
  names: string[];
  log_label: Record<string, string>;
}

async function load(range: ResolvedRange, signal: AbortSignal): Promise<ServiceNames> {
  const there = await settled(log_label_names(range, signal));
  const wanted = log_labels.filter((name) => there.includes(name));
  const [metrics, spans, ...logs] = await Promise.all([
    settled(label_values('service', range, 'traces_spanmetrics_calls_total', signal)),
    settled(trace_tag_values('resource.service.name', signal, range)),
    ...wanted.map((name) => settled(log_label_values(name, range, signal))),
  ]);
  const log_label: Record<string, string> = {};
  wanted.forEach((name, index) => {
    for (const value of logs[index]) log_label[value] ??= name;
  });
  const from_logs = wanted.slice(0, 2).flatMap((_, index) => logs[index]);
  return { names: [...new Set([...metrics, ...spans, ...from_logs])].filter((name) => name !== 'unknown_service').sort(), log_label };
}

function useNames(range: ResolvedRange): ServiceNames | undefined {
  const minute = Math.floor(range.to_ms / 60_000);
  return useQuery<ServiceNames>({
    queryKey: ['services', Math.floor(range.from_ms / 60_000), minute], staleTime: 60_000, refetchInterval: (query) => (query.state.data?.names.length === 0 ? 5000 : false), placeholderData: keepPreviousData,
    queryFn: ({ signal }) => load(range, signal),
  }).data;
}

export function useServices(range: ResolvedRange): string[] {
  return useNames(range)?.names ?? [];
}

// service -> LogQL selector of its lines.
export function useLogSelector(range: ResolvedRange): (service: string) => string {
  const names = useNames(range);
  return useMemo(() => (service: string) => selector({ [names?.log_label[service] ?? 'service_name']: service }), [names]);
}
