// Trace search: a form and TraceQL as one text; durations over time, and the traces as a table, two of which can be compared.
// URL: v=sort:duration (the slowest of the whole range), v=apart:1 (what sets the spans found apart), v=pick:id (ticked).
import { useEffect, useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { explain_traceql } from '../api/obelisk';
import { search_traces, trace_tag_values, type FoundTrace } from '../api/tempo';
import { useClock, useRange } from '../app/clock';
import { add_keys } from '../app/keys';
import { count, duration, duration_of_ms } from '../format/numbers';
import { day, ns_to_ms } from '../format/time';
import { Editor } from '../parts/editor';
import { traceql_completions } from '../parts/completions';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useServices } from '../parts/services';
import { useLastAnswer } from '../parts/last_answer';
import { Empty, Loading, NotRun, Partial, query_complaint } from '../parts/states';
import { braces, compared_sets, conditions_of } from '../state/compared_sets';
import { nearest } from '../state/nearest';
import { quoted } from '../state/pivots';
import { change_form, read_form, type TraceForm } from '../state/trace_form';
import { absolute_range, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { counted_query, failed_spans, Heatmap, Scatter, type Box } from './duration_charts';
import { SpanComparisonPanel } from './span_comparison';
import { is_metrics_query, TraceMetrics } from './trace_metrics';
import css from './trace_search.module.css';

const results_max = 200;
const traceql = traceql_completions();

export function traceql_duration(seconds: number): string {
  return seconds >= 1 ? `${Number(seconds.toPrecision(3))}s` : seconds >= 1e-3 ? `${Number((seconds * 1e3).toPrecision(3))}ms` : `${Math.max(1, Math.round(seconds * 1e6))}us`;
}

// The focus to the next or previous row's link, which Enter opens.
function move_row(by: 1 | -1): boolean {
  const links = [...document.querySelectorAll<HTMLElement>('a[data-trace-row]')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? links[0] : links[at + by];
  next?.focus();
  return next !== undefined;
}

export default function TraceSearch() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const q = url.params.get('q') ?? '{ }';
  const metrics = is_metrics_query(q);
  const sets = useMemo(() => compared_sets(q), [q]);
  const asks_compare = metrics && sets !== null && /\|\s*compare\s*\(/.test(q);
  const apart = asks_compare ? url.option('apart') !== '0' : !metrics && sets !== null && url.option('apart') === '1';
  const set_apart = (on: boolean) => url.set_option('apart', asks_compare ? (on ? null : '0') : on ? '1' : null);
  const sort = url.option('sort') ?? 'time';
  const order = sort === 'duration' ? 'slowest' : 'newest';
  const result = useQuery({
    queryKey: ['traces', q, order, range.from_ms, range.to_ms], placeholderData: keepPreviousData, enabled: !metrics,
    queryFn: ({ signal }) => search_traces(q, range, results_max, order, signal),
  });
  useEffect(() => add_keys((event) => {
    if (event.key === 'j' || event.key === 'k') return move_row(event.key === 'j' ? 1 : -1);
    if (event.key !== 'c' || sets === null) return false;
    set_apart(!apart);
    return true;
  }));
  const picked = url.option('pick');
  const pick = (id: string) => {
    if (picked === null) url.set_option('pick', id, { replace: true });
    else if (picked === id) url.set_option('pick', null, { replace: true });
    else url.go(`/traces/${picked}/against/${id}`, { from: url.params.get('from'), to: url.params.get('to') });
  };
  const run = (text: string) => {
    url.set({ q: text.trim() === '' ? null : text });
    clock.refresh();
  };
  const last = useLastAnswer(result.data, metrics ? null : result.error);
  const traces = useMemo(() => [...(last.data?.traces ?? [])].sort(sort === 'duration'
    ? (left, right) => (right.durationMs ?? 0) - (left.durationMs ?? 0)
    : (left, right) => (BigInt(right.startTimeUnixNano) > BigInt(left.startTimeUnixNano) ? 1 : -1)), [last.data, sort]);
  const counted = counted_query(q);
  // A box of durations becomes conditions, where the text is one pair of braces; empty ones stand for the requests counted.
  const select = ({ from_ms, to_ms, low_s, high_s }: Box) => {
    const zoomed = { ...absolute_range(from_ms, to_ms), live: null };
    const inside = /^\s*\{([^{}]*)\}\s*$/.exec(q)?.[1].replace(/(&&\s*)?duration\s*[<>]=?\s*[\d.]+[a-zµ]+/g, '').replace(/^\s*&&/, '').trim();
    if (inside === undefined || (low_s === null && high_s === null)) return url.set(zoomed);
    const bounds = [low_s !== null && `duration >= ${traceql_duration(low_s)}`, high_s !== null && `duration < ${traceql_duration(high_s)}`];
    url.set({ ...zoomed, q: `{ ${[inside || 'nestedSetParent < 0', ...bounds].filter(Boolean).join(' && ')} }` });
  };
  // Where every span matches, one of them says nothing.
  const matched = !/^\s*(\{\s*\})?\s*$/.test(q) && traces.some((trace) => (trace.spanSets?.[0]?.spans ?? []).length > 0);

  return (
    <>
      <SearchForm q={q} run={run} />
      <Editor language="traceql" value={q} run={run} completions={traceql} label="TraceQL query" placeholder='{ resource.service.name = "shop" && duration > 250ms }'
        error={metrics ? null : query_complaint(result.error)} />
      <Loading on={result.isFetching && !metrics} what="traces" />
      {sets !== null && (
        <div class="row wrap">
          <span class="group" role="group" aria-label="What of the spans found">
            {[false, true].map((on) => <button key={String(on)} type="button" class={`btn sm${apart === on ? ' on' : ''}`} aria-pressed={apart === on} onClick={() => set_apart(on)}>{on ? 'What sets them apart' : metrics ? 'As series' : 'Traces'}{on && <kbd class="wide-only">c</kbd>}</button>)}
          </span>
          {picked !== null && <span class="t2 s" role="status">Trace <span class="mono">{picked.slice(0, 8)}</span> is ticked: tick another to compare the two. <button type="button" class="link acc" onClick={() => url.set_option('pick', null, { replace: true })}>Never mind</button></span>}
        </div>
      )}
      {apart && sets !== null && <SpanComparisonPanel sets={sets} range={range} narrow={(condition) => run(braces([...(asks_compare ? conditions_of(sets.base) ?? [] : conditions_of(q) ?? []), condition]))} />}
      {metrics && !apart && <TraceMetrics q={q} range={range} />}
      {!metrics && result.data?.partial && <Partial>{result.data.partial}</Partial>}
      {!metrics && result.error && <NotRun error={result.error} retry={() => void result.refetch()} hint="The message under the editor says where. Correct it and press Enter." />}
      {!metrics && !apart && !result.error && result.data && traces.length === 0 && (
        <Empty title="No trace in this range matches.">
          <Explain q={q} range={range} run={run} />
          <p class="row wrap">
            {q.trim() !== '{ }' && <button type="button" class="btn" onClick={() => run('{ }')}>All traces of this range</button>}
            <button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button>
          </p>
          {q.trim() === '{ }' && <p class="t2">Traces arrive by OTLP at <code>{window.location.origin}</code>: gRPC, or HTTP below <code>/v1/traces</code>.</p>}
        </Empty>
      )}
      {!metrics && !apart && traces.length > 0 && (
        <>
        {last.old && <Partial>The answer before; the query above could not be run now.</Partial>}
        <div class={`col ${last.old ? 'old' : result.isPlaceholderData ? 'stale' : ''}`}>
          {traces.length >= results_max && counted !== null ? <Heatmap q={counted} range={range} select={select} />
            : <Scatter traces={traces} range={range} open={(id) => url.to(`/traces/${id}`)} select={select} />}
          <Panel title={`${count(traces.length)} ${traces.length === 1 ? 'trace' : 'traces'}`} side={<span class="t3 s">{traces.length < results_max ? 'All of the range that match' : order === 'slowest' ? `The slowest ${results_max} of the whole range` : `The newest ${results_max} of the range; sort by duration for the slowest of all`}</span>}>
            <div class="table-scroll">
              <table>
                <thead><tr>
                  <th scope="col" class={css.tick}><span class="sr">Compare</span></th>
                  <th scope="col" class={css.time} aria-sort={sort === 'time' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', null, { replace: true })}>Time {sort === 'time' ? '↓' : ''}</button></th>
                  <th scope="col" class={css.wide}>Root</th>{matched && <th scope="col" class={css.matched}>Matched</th>}<th scope="col" class={`r ${css.spans}`}>Spans</th>
                  <th scope="col" class={`r ${css.duration}`} aria-sort={sort === 'duration' ? 'descending' : 'none'}><button type="button" onClick={() => url.set_option('sort', 'duration', { replace: true })}>Duration {sort === 'duration' ? '↓' : ''}</button></th><th scope="col" class={css.id}>Trace</th>
                </tr></thead>
                <tbody>{traces.map((trace) => <ResultRow key={trace.traceID} trace={trace} matched={matched} picked={picked} pick={pick} />)}</tbody>
              </table>
            </div>
          </Panel>
        </div>
        </>
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
            {others.length > 0 && <button type="button" class="link acc" onClick={() => run(`{ ${others.join(' && ')} }`)}>Without it</button>}
            {spans === 0 && <Nearest condition={text} range={range} use={(next) => run(q.replace(text, next))} />}</li>
        );
      })}
    </ul>
  );
}

const equal_text = /^((?:(?:resource|span|event|link|instrumentation)?\.)?[A-Za-z_][\w.:-]*)\s*=\s*"((?:[^"\\]|\\.)*)"$/;

// Values that are there, for one that no span has.
function Nearest({ condition, range, use }: { condition: string; range: ResolvedRange; use(condition: string): void }) {
  const [, name = '', value = ''] = equal_text.exec(condition) ?? [];
  const values = useQuery({ queryKey: ['trace values', name, range.from_ms, range.to_ms], enabled: name !== '', retry: false, queryFn: ({ signal }) => trace_tag_values(name, signal, range) });
  return <>{nearest(value.replace(/\\(.)/g, '$1'), values.data ?? []).map((near) => <button key={near} type="button" class="link acc mono" style={{ marginLeft: '8px' }} onClick={() => use(`${name} = ${quoted(near)}`)}>Use {near}</button>)}</>;
}

function ResultRow({ trace, matched, picked, pick }: { trace: FoundTrace; matched: boolean; picked: string | null; pick(id: string): void }) {
  const url = useUrl();
  const [, navigate] = useLocation();
  const first = trace.spanSets?.[0]?.spans?.[0];
  const spans = Object.values(trace.serviceStats ?? {}).reduce((sum, one) => sum + (one.spanCount ?? 0), 0);
  const failures = failed_spans(trace);
  const id = trace.traceID.padStart(32, '0');
  const target = url.to(`/traces/${id}`, first && trace.spanSets?.[0]?.matched !== spans ? { at: first.spanID } : {});
  return (
    <tr onClick={(event) => event.target instanceof HTMLAnchorElement || event.target instanceof HTMLInputElement || navigate(target)} style={{ cursor: 'pointer' }}>
      <td class={css.tick}><input type="checkbox" checked={picked === id} aria-label={`Compare trace ${id.slice(0, 8)} with another`} title="Tick two to compare them" onChange={() => pick(id)} /></td>
      <td class="mono nw"><span class={css.day}>{day(ns_to_ms(trace.startTimeUnixNano))} </span><Time ms={ns_to_ms(trace.startTimeUnixNano)} millis /></td>
      <td><span class="row">{trace.rootTraceName ? <><ServiceMark name={trace.rootServiceName ?? ''} /> <bdi class="ell b">{trace.rootTraceName}</bdi></> : <span class="t3">root span not here yet</span>}</span></td>
      {matched && <td class={css.matched}><bdi class="t2">{first?.name ?? ''}</bdi> {first && <span class="t3">{duration(Number(first.durationNanos) / 1e9)}</span>}</td>}
      <td class={`r num ${css.spans}`}>{failures > 0 && <span class="crit">▲ {failures} failed </span>}{spans > 0 ? count(spans) : '–'}</td>
      <td class="r num b">{duration_of_ms(trace.durationMs)}</td>
      <td class={css.id}><Link class="link acc mono" href={target} data-trace-row>{trace.traceID.slice(0, 8)}</Link></td>
    </tr>
  );
}

function SearchForm({ q, run }: { q: string; run(text: string): void }) {
  const range = useRange();
  const services = useServices(range);
  const read = read_form(q);
  const form = read ?? { service: '', name: '', min: '', failed: false };
  const names = useQuery({ queryKey: ['span names'], queryFn: ({ signal }) => trace_tag_values('name', signal), staleTime: 60_000 });
  const change = (patch: Partial<TraceForm>) => {
    const text = change_form(q, patch);
    if (text !== null) run(text);
  };
  return (
    <form class={css.form} onSubmit={(event) => event.preventDefault()} aria-label="Search traces">
     <fieldset class={css.fields} disabled={read === null} title={read === null ? 'This query has a shape of its own, which these fields cannot change: edit its text.' : undefined}>
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
     </fieldset>
    </form>
  );
}
