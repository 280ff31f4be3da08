// Trace search: a form and TraceQL as one text, results as dots (duration over time) and as a table.
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { get_json } from '../api/http';
import { number_of, type Labels } from '../api/prometheus';
import { search_traces, trace_tag_values, type FoundTrace } from '../api/tempo';
import { useClock, useRange } from '../app/clock';
import { service_color } from '../format/colors';
import { count, duration, unit_of_query } from '../format/numbers';
import { clock as clock_text, ns_to_ms } from '../format/time';
import { Editor } from '../parts/editor';
import { traceql_completions } from '../parts/completions';
import { LineChart } from '../parts/line_chart';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useServices } from '../parts/services';
import { Empty, Loading, message_of, NotRun, Partial, query_complaint } from '../parts/states';
import { quoted } from '../state/pivots';
import { absolute_range, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { assign_slots, common_labels, series_name } from './metrics';
import css from './trace_search.module.css';

const results_max = 200;
const traceql = traceql_completions();

export interface TraceForm {
  service: string;
  name: string;
  min: string;
  failed: boolean;
}

export function build_traceql({ service, name, min, failed }: TraceForm): string {
  const conditions = [
    service && `resource.service.name = ${quoted(service)}`,
    name && `name = ${quoted(name)}`,
    /^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$/.test(min) && `duration > ${min}`,
    failed && 'status = error',
  ].filter(Boolean);
  return `{ ${conditions.join(' && ')} }`.replace('{  }', '{ }');
}

// The form's fields as far as the text has their shape; the text may say more than the form can.
export function read_traceql(text: string): TraceForm {
  const unquote = (found: RegExpExecArray | null) => (found ? found[1].replace(/\\(.)/g, '$1') : '');
  return {
    service: unquote(/resource\.service\.name\s*=\s*"((?:[^"\\]|\\.)*)"/.exec(text)),
    name: unquote(/(?:^|[\s{&])name\s*=\s*"((?:[^"\\]|\\.)*)"/.exec(text)),
    min: /(?:^|[\s{&])duration\s*>=?\s*(\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))/.exec(text)?.[1] ?? '',
    failed: /status\s*=\s*error/.test(text),
  };
}

export function is_metrics_query(text: string): boolean {
  return /\|\s*(rate|count_over_time|(avg|sum|max|min|quantile|histogram)_over_time|compare)\s*\(/.test(text);
}

export default function TraceSearch() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const q = url.params.get('q') ?? '{ }';
  const metrics = is_metrics_query(q);
  const sort = url.option('sort') ?? 'time';
  const result = useQuery({
    queryKey: ['traces', q, range.from_ms, range.to_ms], placeholderData: keepPreviousData, enabled: !metrics,
    queryFn: ({ signal }) => search_traces(q, range, results_max, signal),
  });
  const run = (text: string) => {
    url.set({ q: text.trim() === '' ? null : text });
    clock.refresh();
  };
  const traces = useMemo(() => [...(result.data?.traces ?? [])].sort(sort === 'duration'
    ? (left, right) => (right.durationMs ?? 0) - (left.durationMs ?? 0)
    : (left, right) => (BigInt(right.startTimeUnixNano) > BigInt(left.startTimeUnixNano) ? 1 : -1)), [result.data, sort]);
  const matched = traces.some((trace) => (trace.spanSets?.[0]?.spans ?? []).length > 0);

  return (
    <>
      <SearchForm q={q} run={run} />
      <Editor language="traceql" value={q} run={run} completions={traceql} label="TraceQL query" placeholder='{ resource.service.name = "shop" && duration > 250ms }'
        error={metrics ? null : query_complaint(result.error)} />
      <Loading on={result.isFetching && !metrics} what="traces" />
      {metrics && <TraceMetrics q={q} range={range} />}
      {!metrics && result.data?.partial && <Partial>{result.data.partial}</Partial>}
      {!metrics && result.error && traces.length === 0 && <NotRun error={result.error} retry={() => void result.refetch()} hint="The message under the editor says where. The form above writes TraceQL for you." />}
      {!metrics && !result.error && result.data && traces.length === 0 && (
        <Empty title="No trace in this range matches.">
          <p class="row wrap">
            {q.trim() !== '{ }' && <button type="button" class="btn" onClick={() => run('{ }')}>All traces of this range</button>}
            <button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button>
          </p>
          <p class="t2">Traces arrive by OTLP: gRPC on port 4317, HTTP on port 4318.</p>
        </Empty>
      )}
      {!metrics && traces.length > 0 && (
        <div class={`col ${result.isPlaceholderData ? 'stale' : ''}`}>
          <Panel title="Duration over time" side={<span class="t3 s">dot: a trace; ring: failed; drag to zoom</span>}>
            <Scatter traces={traces} range={range} open={(id) => url.to(`/traces/${id}`)} zoom={(from, to) => url.set({ ...absolute_range(from, to), live: null })} />
          </Panel>
          <Panel title={`${count(traces.length)} traces`} side={<span class="t3 s">{traces.length >= results_max ? `The newest ${results_max}; narrow the search for others` : 'All that match'}</span>}>
            <div class="table-scroll">
              <table>
                <thead><tr>
                  <th scope="col" aria-sort={sort === 'time' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', null, { replace: true })}>Time {sort === 'time' ? '↓' : ''}</button></th>
                  <th scope="col" class={css.wide}>Root</th>{matched && <th scope="col">Matched</th>}<th scope="col" class="r">Spans</th>
                  <th scope="col" class="r" aria-sort={sort === 'duration' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', 'duration', { replace: true })}>Duration {sort === 'duration' ? '↓' : ''}</button></th><th scope="col">Trace</th>
                </tr></thead>
                <tbody>{traces.map((trace) => <ResultRow key={trace.traceID} trace={trace} matched={matched} />)}</tbody>
              </table>
            </div>
          </Panel>
        </div>
      )}
    </>
  );
}

function failed_spans(trace: FoundTrace): number {
  return Object.values(trace.serviceStats ?? {}).reduce((sum, one) => sum + (one.errorCount ?? 0), 0);
}

function ResultRow({ trace, matched }: { trace: FoundTrace; matched: boolean }) {
  const url = useUrl();
  const [, navigate] = useLocation();
  const first = trace.spanSets?.[0]?.spans?.[0];
  const spans = Object.values(trace.serviceStats ?? {}).reduce((sum, one) => sum + (one.spanCount ?? 0), 0);
  const failures = failed_spans(trace);
  const target = url.to(`/traces/${trace.traceID.padStart(32, '0')}`, first && trace.spanSets?.[0]?.matched !== spans ? { at: first.spanID } : {});
  return (
    <tr onClick={(event) => event.target instanceof HTMLAnchorElement || navigate(target)} style={{ cursor: 'pointer' }}>
      <td class="mono"><Time ms={ns_to_ms(trace.startTimeUnixNano)} millis with_day /></td>
      <td><span class="row"><ServiceMark name={trace.rootServiceName ?? ''} /> <bdi class="ell b">{trace.rootTraceName || '(root not here yet)'}</bdi></span></td>
      {matched && <td><bdi class="t2">{first?.name ?? ''}</bdi> {first && <span class="t3">{duration(Number(first.durationNanos) / 1e9)}</span>}</td>}
      <td class="r num">{failures > 0 && <span class="crit">▲ {failures} failed </span>}{spans > 0 ? count(spans) : '–'}</td>
      <td class="r num b">{duration((trace.durationMs ?? 0) / 1000)}</td>
      <td><Link class="link acc mono" href={target}>{trace.traceID.slice(0, 8)}</Link></td>
    </tr>
  );
}

function SearchForm({ q, run }: { q: string; run(text: string): void }) {
  const range = useRange();
  const services = useServices(range);
  const form = read_traceql(q);
  const names = useQuery({ queryKey: ['span names'], queryFn: ({ signal }) => trace_tag_values('name', signal), staleTime: 60_000 });
  const change = (patch: Partial<TraceForm>) => run(build_traceql({ ...form, ...patch }));
  return (
    <form class={css.form} onSubmit={(event) => event.preventDefault()} aria-label="Search traces">
      <label>Service
        <select class="select" value={form.service} onChange={(event) => change({ service: event.currentTarget.value })}>
          <option value="">all</option>
          {[...new Set([...services, ...(form.service ? [form.service] : [])])].map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      <label class={css.wide}>Operation
        <input class="input" list="span-names" value={form.name} placeholder="any" onChange={(event) => change({ name: event.currentTarget.value })} />
        <datalist id="span-names">{(names.data ?? []).slice(0, 500).map((name) => <option key={name} value={name} />)}</datalist>
      </label>
      <label>Longer than
        <input class="input" value={form.min} placeholder="250ms" size={8} pattern="\d+(\.\d+)?(ns|us|µs|ms|s|m|h)" title="A duration such as 250ms or 1.5s" onChange={(event) => event.currentTarget.checkValidity() && change({ min: event.currentTarget.value })} />
      </label>
      <label class={css.check}><input type="checkbox" checked={form.failed} onChange={(event) => change({ failed: event.currentTarget.checked })} /> Failed only</label>
    </form>
  );
}

const plot = { height: 190, left: 70, right: 16, top: 10, bottom: 22 };

function Scatter({ traces, range, open, zoom }: { traces: FoundTrace[]; range: ResolvedRange; open(id: string): string; zoom(from: number, to: number): void }) {
  const [, navigate] = useLocation();
  const [width, set_width] = useState(900);
  const svg = useRef<SVGSVGElement>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => set_width(Math.max(200, Math.floor(entry.contentRect.width))));
    observer.observe(svg.current!);
    return () => observer.disconnect();
  }, []);
  const size = { ...plot, width };
  const durations = traces.map((trace) => Math.max(0.05, trace.durationMs ?? 0.05));
  const low = Math.log10(Math.min(...durations)) - 0.1;
  const high = Math.log10(Math.max(...durations)) + 0.1;
  const x = (ms: number) => size.left + ((ms - range.from_ms) / (range.to_ms - range.from_ms)) * (size.width - size.left - size.right);
  const y = (ms: number) => size.top + (1 - (Math.log10(Math.max(0.05, ms)) - low) / (high - low)) * (size.height - size.top - size.bottom);
  const ticks = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000].filter((ms) => Math.log10(ms) > low && Math.log10(ms) < high);
  const shown_ticks = ticks.length > 5 ? ticks.filter((_, index) => index % 2 === 0) : ticks;
  const times = [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => range.from_ms + share * (range.to_ms - range.from_ms));
  const at = (event: PointerEvent) => {
    const bounds = (event.currentTarget as Element).getBoundingClientRect();
    const share = ((event.clientX - bounds.left) / bounds.width * size.width - size.left) / (size.width - size.left - size.right);
    return range.from_ms + share * (range.to_ms - range.from_ms);
  };
  return (
    <svg class={css.scatter} ref={svg} aria-hidden="true"
      onPointerDown={(event) => {
        const begin = at(event);
        const element = event.currentTarget;
        element.addEventListener('pointerup', (end) => {
          const finish = at(Object.assign(end, {}) as PointerEvent);
          if (Math.abs(finish - begin) > (range.to_ms - range.from_ms) * 0.01) zoom(Math.min(begin, finish), Math.max(begin, finish));
        }, { once: true });
      }}>
      {shown_ticks.map((ms) => <g key={ms}><line class={css.grid} x1={size.left} x2={size.width - size.right} y1={y(ms)} y2={y(ms)} /><text x={size.left - 8} y={y(ms) + 4} text-anchor="end">{duration(ms / 1000)}</text></g>)}
      {times.map((ms) => <text key={ms} x={x(ms)} y={size.height - 5} text-anchor="middle">{clock_text(ms)}</text>)}
      {traces.map((trace, index) => {
        const bad = failed_spans(trace) > 0;
        return <circle key={trace.traceID} class={css.point} cx={x(ns_to_ms(trace.startTimeUnixNano))} cy={y(durations[index])} r={bad ? 5 : 4}
          style={{ fill: service_color(trace.rootServiceName ?? ''), stroke: bad ? 'var(--status-crit)' : 'none', strokeWidth: bad ? '2px' : '0' }}
          onClick={() => navigate(open(trace.traceID.padStart(32, '0')))}><title>{`${trace.rootServiceName} ${trace.rootTraceName} ${duration(durations[index] / 1000)}`}</title></circle>;
      })}
    </svg>
  );
}

interface MetricsAnswer {
  series?: { labels?: { key: string; value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean } }[]; samples?: { timestampMs: string; value?: number | string }[] }[];
}

function TraceMetrics({ q, range }: { q: string; range: ResolvedRange }) {
  const step = step_seconds(range, 200);
  const result = useQuery({
    queryKey: ['trace metrics', q, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => get_json<MetricsAnswer>('/api/metrics/query_range', { q, start: Math.floor(range.from_ms / 1000), end: Math.ceil(range.to_ms / 1000), step: `${step}s` }, signal),
  });
  const series = useMemo(() => {
    const all = (result.data?.series ?? []).map(({ labels = [], samples = [] }) => ({
      labels: Object.fromEntries(labels.map(({ key, value }) => [key, String(Object.values(value)[0] ?? '')])) as Labels,
      times_s: samples.map(({ timestampMs }) => Number(timestampMs) / 1000), values: samples.map(({ value = 0 }) => number_of(String(value))),
    }));
    const common = common_labels(all.map(({ labels }) => labels));
    const slots = assign_slots(all.map(({ labels }) => labels));
    return all.map((one, index) => ({ ...one, slot: slots[index], name: series_name(one.labels, common) }));
  }, [result.data]);
  if (result.error) return <NotRun error={result.error} retry={() => void result.refetch()} hint={message_of(result.error)} />;
  if (!result.data) return <Loading on what="the series" />;
  if (series.length === 0) return <Empty title="No spans in this range match." />;
  return <Panel title={`${series.length} series from spans`}><LineChart series={series} range={range} unit={/duration/.test(q) ? 'seconds' : unit_of_query(q)} height={280} label={q} /></Panel>;
}
