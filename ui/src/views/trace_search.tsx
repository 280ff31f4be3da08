// Trace search: a form and TraceQL as one text, results as dots (duration over time) and as a table.
import { useMemo, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { get_json } from '../api/http';
import { number_of, type Labels } from '../api/prometheus';
import { explain_traceql } from '../api/obelisk';
import { search_traces, trace_tag_values, type FoundTrace } from '../api/tempo';
import { useClock, useRange } from '../app/clock';
import { count, duration, unit_of_query } from '../format/numbers';
import { day, ns_to_ms } from '../format/time';
import { Editor } from '../parts/editor';
import { traceql_completions } from '../parts/completions';
import { Legend } from '../parts/legend';
import { LineChart } from '../parts/line_chart';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useServices } from '../parts/services';
import { Empty, Loading, message_of, NotRun, Partial, query_complaint } from '../parts/states';
import { quoted } from '../state/pivots';
import { absolute_range, scale_range, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { counted_query, failed_spans, Heatmap, Scatter, type Box } from './duration_charts';
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

export function traceql_duration(seconds: number): string {
  return seconds >= 1 ? `${Number(seconds.toPrecision(3))}s` : seconds >= 1e-3 ? `${Number((seconds * 1e3).toPrecision(3))}ms` : `${Math.max(1, Math.round(seconds * 1e6))}us`;
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
  const counted = counted_query(q);
  // A box of durations becomes conditions, where the text is one pair of braces; empty ones stand for the requests counted.
  const select = ({ from_ms, to_ms, low_s, high_s }: Box) => {
    const zoomed = { ...absolute_range(from_ms, to_ms), live: null };
    const inside = /^\s*\{([^{}]*)\}\s*$/.exec(q)?.[1].replace(/(&&\s*)?duration\s*[<>]=?\s*[\d.]+[a-zµ]+/g, '').replace(/^\s*&&/, '').trim();
    if (inside === undefined || (low_s === null && high_s === null)) return url.set(zoomed);
    const bounds = [low_s !== null && `duration >= ${traceql_duration(low_s)}`, high_s !== null && `duration < ${traceql_duration(high_s)}`];
    url.set({ ...zoomed, q: `{ ${[inside || 'nestedSetParent < 0', ...bounds].filter(Boolean).join(' && ')} }` });
  };
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
          <Explain q={q} range={range} run={run} />
          <p class="row wrap">
            {q.trim() !== '{ }' && <button type="button" class="btn" onClick={() => run('{ }')}>All traces of this range</button>}
            <button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button>
          </p>
          <p class="t2">Traces arrive by OTLP: gRPC on port 4317, HTTP on port 4318.</p>
        </Empty>
      )}
      {!metrics && traces.length > 0 && (
        <div class={`col ${result.isPlaceholderData ? 'stale' : ''}`}>
          {traces.length >= results_max && counted !== null ? <Heatmap q={counted} range={range} select={select} />
            : <Scatter traces={traces} range={range} open={(id) => url.to(`/traces/${id}`)} select={select} />}
          <Panel title={`${count(traces.length)} ${traces.length === 1 ? 'trace' : 'traces'}`} side={<span class="t3 s">{traces.length >= results_max ? `The newest ${results_max}; narrow the search for others` : 'All that match'}</span>}>
            <div class="table-scroll">
              <table>
                <thead><tr>
                  <th scope="col" class={css.time} aria-sort={sort === 'time' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', null, { replace: true })}>Time {sort === 'time' ? '↓' : ''}</button></th>
                  <th scope="col" class={css.wide}>Root</th>{matched && <th scope="col" class={css.matched}>Matched</th>}<th scope="col" class={`r ${css.spans}`}>Spans</th>
                  <th scope="col" class={`r ${css.duration}`} aria-sort={sort === 'duration' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', 'duration', { replace: true })}>Duration {sort === 'duration' ? '↓' : ''}</button></th><th scope="col" class={css.id}>Trace</th>
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

// What removed everything: in words for any query; of one pair of braces each condition with its spans, and the way out.
function Explain({ q, range, run }: { q: string; range: ResolvedRange; run(text: string): void }) {
  const answer = useQuery({ queryKey: ['explain traces', q, range.from_ms, range.to_ms], retry: false, queryFn: ({ signal }) => explain_traceql(q, range, signal) });
  if (!answer.data) return null;
  const { why_empty, stages } = answer.data;
  const conditions = stages.length === 1 && stages[0].filters.length === 1 ? stages[0].filters[0].conditions : [];
  const left = stages.length > 1 ? stages : [];
  return (
    <ul class="t2">
      {conditions.length === 0 && why_empty.map((sentence) => <li key={sentence}>{sentence}</li>)}
      {left.map(({ text, spans }, index) => <li key={index}><code>{text}</code>: <b>{count(spans)}</b> spans left</li>)}
      {conditions.map(({ text, spans }) => {
        const others = conditions.filter((other) => other.text !== text).map((other) => (other.text.includes('||') ? `(${other.text})` : other.text));
        return (
          <li key={text}><code>{text}</code>: <b>{count(spans)}</b> spans{' '}
            {others.length > 0 && <button type="button" class="link acc" onClick={() => run(`{ ${others.join(' && ')} }`)}>Without it</button>}</li>
        );
      })}
    </ul>
  );
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
      <td class="mono nw"><span class={css.day}>{day(ns_to_ms(trace.startTimeUnixNano))} </span><Time ms={ns_to_ms(trace.startTimeUnixNano)} millis /></td>
      <td><span class="row">{trace.rootTraceName ? <><ServiceMark name={trace.rootServiceName ?? ''} /> <bdi class="ell b">{trace.rootTraceName}</bdi></> : <span class="t3">root span not here yet</span>}</span></td>
      {matched && <td class={css.matched}><bdi class="t2">{first?.name ?? ''}</bdi> {first && <span class="t3">{duration(Number(first.durationNanos) / 1e9)}</span>}</td>}
      <td class={`r num ${css.spans}`}>{failures > 0 && <span class="crit">▲ {failures} failed </span>}{spans > 0 ? count(spans) : '–'}</td>
      <td class="r num b">{duration((trace.durationMs ?? 0) / 1000)}</td>
      <td class={css.id}><Link class="link acc mono" href={target}>{trace.traceID.slice(0, 8)}</Link></td>
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

interface MetricsAnswer {
  series?: { labels?: { key: string; value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean } }[]; samples?: { timestampMs: string; value?: number | string }[] }[];
}

function TraceMetrics({ q, range }: { q: string; range: ResolvedRange }) {
  const url = useUrl();
  const clock = useClock();
  const [solo, set_solo] = useState<number | null>(null);
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
  const unit = /duration/.test(q) ? 'seconds' : unit_of_query(q);
  return (
    <>
      <Panel title={`${count(series.length)} series from spans`}><LineChart series={series} range={range} unit={unit} height={280} label={q} solo={solo}
        zoom={(from, to) => url.set({ ...absolute_range(from, to), live: null })} zoom_out={() => url.set(scale_range(url.range, clock.now_ms, 2))} /></Panel>
      <Legend series={series} unit_of={() => unit} solo={solo} set_solo={set_solo} />
    </>
  );
}
