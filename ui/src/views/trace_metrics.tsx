// A TraceQL metrics query: its series as a chart with the traces behind single values, and as a table.
import { useMemo, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { Exemplar } from '../api/prometheus';
import { trace_series } from '../api/trace_metrics';
import { useClock } from '../app/clock';
import { count, unit_of_query } from '../format/numbers';
import { Legend } from '../parts/legend';
import { LineChart } from '../parts/line_chart';
import { Panel } from '../parts/marks';
import { Empty, Loading, message_of, NotRun, Partial } from '../parts/states';
import { around } from '../state/pivots';
import { absolute_range, scale_range, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { assign_slots, common_labels, series_name } from './metrics';

const exemplars_max = 100; // a query, what the server allows

export function is_metrics_query(text: string): boolean {
  return /\|\s*(rate|count_over_time|(avg|sum|max|min|quantile|histogram)_over_time|compare)\s*\(/.test(text);
}

export function TraceMetrics({ q, range }: { q: string; range: ResolvedRange }) {
  const url = useUrl();
  const clock = useClock();
  const [solo, set_solo] = useState<number | null>(null);
  const step = step_seconds(range, 200);
  const result = useQuery({
    queryKey: ['trace metrics', q, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => trace_series(q, range, step, exemplars_max, signal),
  });
  const series = useMemo(() => {
    const all = result.data?.series ?? [];
    const common = common_labels(all.map(({ labels }) => labels));
    const slots = assign_slots(all.map(({ labels }) => labels));
    return all.map((one, index) => ({ ...one, slot: slots[index], name: series_name(one.labels, common) }));
  }, [result.data]);
  const exemplars = useMemo(() => series.flatMap((one) => one.exemplars).filter(({ trace_id }) => trace_id !== null), [series]);
  if (result.error) return <NotRun error={result.error} retry={() => void result.refetch()} hint={message_of(result.error)} />;
  if (!result.data) return <Loading on what="the series" />;
  if (series.length === 0) return <Empty title="No spans in this range match." />;
  // A rate of spans has no scale in common with the durations its exemplars carry.
  const of_durations = /_over_time\s*\(\s*(span:|trace:)?(duration|selfTime|traceDuration)/.test(q) && !/histogram_over_time/.test(q);
  const unit = of_durations ? 'seconds' : unit_of_query(q);
  const exemplar_link = ({ trace_id, time_s }: Exemplar) => url.to(`/traces/${(trace_id ?? '').padStart(32, '0')}`, { ...around(time_s * 1000, 900_000), v: [], at: null });
  return (
    <>
      {result.data.partial && <Partial>{result.data.partial}</Partial>}
      <Panel title={`${count(series.length)} series from spans`} side={exemplars.length > 0 && <span class="t2 s"><span class="acc">◆</span> {count(exemplars.length)} traces behind the values</span>}>
        <LineChart series={series} range={range} unit={unit} height={280} label={q} solo={solo} exemplars={exemplars} exemplars_on_scale={of_durations}
          exemplar_link={exemplar_link} exemplar_slot={(exemplar) => series.find(({ labels }) => labels === exemplar.series)?.slot ?? 1}
          zoom={(from, to) => url.set({ ...absolute_range(from, to), live: null })} zoom_out={() => url.set(scale_range(url.range, clock.now_ms, 2))} /></Panel>
      <Legend series={series} unit_of={() => unit} solo={solo} set_solo={set_solo} />
    </>
  );
}
