// Logs: editor, counts by level over time, fields, a virtual list of lines with details, live tail.
// URL: q; or trace and span (all lines of a trace, joined by the store); at = the open line; live=1; v=wrap:1, v=show:patterns.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { VList, type VListHandle } from 'virtua';
import { Link, useLocation } from 'wouter';
import { log_label_names, query_lines, query_log_instant, query_log_metric, tail, type LogLine } from '../api/loki';
import { fields_of, ids_of, text_fields, trace_logs } from '../api/obelisk';
import type { Labels, Series } from '../api/prometheus';
import { useClock, useRange } from '../app/clock';
import { add_keys } from '../app/keys';
import { level_of, levels, type Level } from '../format/colors';
import { count } from '../format/numbers';
import { clock as clock_text } from '../format/time';
import { Editor } from '../parts/editor';
import { logql_completions } from '../parts/completions';
import { Legend } from '../parts/legend';
import { LineChart } from '../parts/line_chart';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { Empty, Failure, Loading, message_of, NotRun, Partial, query_complaint } from '../parts/states';
import { add_filter, as_logql, count_query, field_name, is_logql, is_metric_query, top_values_query, type FieldSource } from '../state/logql_text';
import { around, service_of, span_red_queries } from '../state/pivots';
import { absolute_range, format_duration_short, scale_range, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { message_text } from './log_line';
import { LogPatterns } from './log_patterns';
import { assign_slots, common_labels, series_name } from './metrics';
import { LongText } from '../trace/attributes';
import css from './logs.module.css';

const page_lines = 500;
const all_lines = '{service_name=~".+"}';

export function line_key(lines: LogLine[], index: number): string {
  let same = 0;
  while (index - same > 0 && lines[index - same - 1].time_ns === lines[index].time_ns) same++;
  return same === 0 ? lines[index].time_ns : `${lines[index].time_ns}-${same}`;
}

export function source_of(line: LogLine, name: string, stream_names: string[]): FieldSource {
  if (stream_names.includes(name)) return 'stream';
  if (line.labels[name] !== undefined) return 'metadata';
  return line.text.trimStart().startsWith('{') ? 'json' : 'logfmt';
}

const fields_lines_max = 200;
const values_kept_max = 50;

// Names and values in the newest lines: what a filter behind a parser may be completed with.
export function fields_in(lines: LogLine[]): { name: string; values: string[] }[] {
  const found = new Map<string, Set<string>>();
  for (const line of lines.slice(0, fields_lines_max)) {
    for (const [name, value] of Object.entries(fields_of(line))) {
      const values = found.get(field_name(name)) ?? new Set<string>();
      if (values.size < values_kept_max && value.length <= 200) values.add(value);
      found.set(field_name(name), values);
    }
  }
  return [...found].map(([name, values]) => ({ name, values: [...values].sort() })).sort((left, right) => left.name.localeCompare(right.name));
}

export default function Logs() {
  const url = useUrl();
  return url.params.get('trace') ? <LinesOfTrace /> : <Query />;
}

function Query() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const names = useQuery({ queryKey: ['log labels', Math.floor(range.to_ms / 60_000)], queryFn: ({ signal }) => log_label_names(range, signal), placeholderData: keepPreviousData, staleTime: 60_000 });
  const everything = names.data && names.data.length > 0 && !names.data.includes('service_name') ? `{${names.data.includes('service') ? 'service' : names.data[0]}=~".+"}` : all_lines;
  const written = url.params.get('q');
  const query = as_logql(written ?? '', everything);
  const ready = written !== null || names.data !== undefined || names.error !== null;
  const live = url.params.get('live') === '1';
  const metric = is_metric_query(query);
  // While following, the lines come over the tail: the range of the first answer stays.
  const frozen = useRef(range);
  if (!live) frozen.current = range;
  const asked = live ? frozen.current : range;

  const pages = useInfiniteQuery({
    queryKey: ['lines', query, asked.from_ms, asked.to_ms], enabled: ready && !metric, placeholderData: keepPreviousData,
    initialPageParam: asked.to_ms,
    queryFn: ({ signal, pageParam }) => query_lines(query, { from_ms: asked.from_ms, to_ms: pageParam }, page_lines, signal),
    getNextPageParam: (page) => (page.length < page_lines ? undefined : page[page.length - 1].time_ms),
  });
  const loaded = useMemo(() => pages.data?.pages.flat() ?? [], [pages.data]);
  const following = useTail(query, live && !metric, frozen.current.to_ms);
  const lines = useMemo(() => (following.lines.length > 0 ? [...following.lines, ...loaded] : loaded), [following.lines, loaded]);
  const newest = useRef(loaded);
  newest.current = loaded;
  const completions = useMemo(() => logql_completions(range, () => fields_in(newest.current)), [Math.floor(range.to_ms / 60_000)]);
  const error = metric ? null : pages.error;
  const level_in_json = useMemo(() => {
    const own = loaded.slice(0, 50).filter((line) => line.text.trimStart().startsWith('{')).map(text_fields);
    return ['level', 'severity', 'lvl'].find((name) => own.some((fields) => fields[name] !== undefined)) ?? null;
  }, [loaded]);
  const run = (text: string) => {
    url.set({ q: text.trim() === '' ? null : text, at: null });
    clock.refresh();
  };
  const filter = (name: string, operator: '=' | '!=', value: string, source: FieldSource) => run(add_filter(query, name, operator, value, source));
  // While following, lines are what is looked at.
  const patterns = url.option('show') === 'patterns' && !live;
  const switcher = (
    <span class="group" role="group" aria-label="What is listed">
      <button type="button" class={`btn sm${patterns ? '' : ' on'}`} aria-pressed={!patterns} onClick={() => url.set_option('show', null)}>Lines</button>
      <button type="button" class={`btn sm${patterns ? ' on' : ''}`} aria-pressed={patterns} disabled={live} onClick={() => url.set_option('show', 'patterns')}>Patterns</button>
    </span>
  );

  return (
    <>
      <Editor language="logql" value={written ?? query} run={run} completions={completions} label="LogQL query, or plain text" placeholder='{service_name="shop"} |= "failed"   or plain text'
        error={query_complaint(error)} is_code={is_logql} />
      {metric ? <LogMetric query={query} range={range} /> : (
        <div class={css.view}>
          <Fields lines={lines} query={query} range={asked} stream_names={names.data ?? []} filter={filter} />
          <div class="col">
            {ready && (pages.data || error) && <Histogram query={query} range={range} level_in_json={level_in_json} />}
            {patterns ? <LogPatterns query={query} range={asked} run={run} switcher={switcher} /> : (
              <LineList lines={lines} loading={pages.isFetching} stale={pages.isPlaceholderData} filter={filter} stream_names={names.data ?? []} switcher={switcher}
                more={pages.hasNextPage ? () => void pages.fetchNextPage() : null} following={following} live={live}
                empty={error ? <NotRun error={error} retry={() => void pages.refetch()} hint="The message under the editor says where. The range and the rest stays." />
                  : <NoLines query={query} everything={everything} run={run} />} />
            )}
          </div>
        </div>
      )}
    </>
  );
}

interface Following {
  lines: LogLine[];
  uncounted: number;
  ended: string | null;
  paused: boolean;
  waiting: number;
  pause(on: boolean): void;
}

const kept_lines_max = 5000;
const flush_ms = 250;
const drawn_per_flush = 125; // 500 lines a second

// New lines, newest first. At most 500 a second are kept, the rest is counted. Paused, they wait.
function useTail(query: string, on: boolean, from_ms: number): Following {
  const [lines, set_lines] = useState<LogLine[]>([]);
  const [state, set_state] = useState({ uncounted: 0, waiting: 0, ended: null as string | null });
  const [paused, set_paused] = useState(false);
  const paused_now = useRef(false);
  paused_now.current = paused;
  useEffect(() => {
    set_lines([]);
    set_state({ uncounted: 0, waiting: 0, ended: null });
    set_paused(false);
    if (!on) return undefined;
    let buffer: LogLine[] = [];
    let dropped = 0;
    const close = tail(query, from_ms, (fresh) => {
      buffer.push(...fresh);
      if (buffer.length > kept_lines_max) {
        dropped += buffer.length - kept_lines_max;
        buffer = buffer.slice(-kept_lines_max);
      }
    }, (why) => set_state((old) => ({ ...old, ended: why })));
    const timer = setInterval(() => {
      if (paused_now.current || buffer.length === 0) {
        if (buffer.length > 0) set_state((old) => ({ ...old, waiting: buffer.length }));
        return;
      }
      const sorted = buffer.sort((left, right) => right.time_ms - left.time_ms);
      dropped += Math.max(0, sorted.length - drawn_per_flush);
      const drawn = sorted.slice(0, drawn_per_flush);
      buffer = [];
      set_lines((old) => [...drawn, ...old].slice(0, kept_lines_max));
      set_state((old) => ({ ...old, uncounted: dropped, waiting: 0 }));
    }, flush_ms);
    return () => {
      clearInterval(timer);
      close();
    };
  }, [query, on]);
  return { lines, ...state, paused, pause: set_paused };
}

function LinesOfTrace() {
  const url = useUrl();
  const trace = url.params.get('trace')!.toLowerCase();
  const span = url.params.get('span');
  const answer = useQuery({ queryKey: ['trace logs', trace], queryFn: ({ signal }) => trace_logs(trace, signal), staleTime: 10_000 });
  const lines = useMemo(() => [...(answer.data?.lines ?? [])].reverse().filter((line) => !span || ids_of(line).span_id === span), [answer.data, span]);
  return (
    <>
      <div class="row wrap">
        <span class="chip"><i>trace</i> <span class="mono">{trace.slice(0, 16)}</span> <Link class="x" href={url.to('/logs')} aria-label="Remove the filter on the trace">×</Link></span>
        {span && <span class="chip"><i>span</i> <span class="mono">{span}</span> <Link class="x" href={url.to('/logs', { trace })} aria-label="All lines of the trace">×</Link></span>}
        <span class="t2 s">{answer.data && `${count(lines.length)}${answer.data.truncated ? ' first' : ''} lines of all services, by trace id; the range does not limit them`}</span>
        <span class="grow" />
        <Link class="btn sm" href={url.to(`/traces/${trace}`, { at: span })}>Open the trace</Link>
      </div>
      {answer.data?.incomplete && <Partial>Not all lines could be read: {answer.data.incomplete}</Partial>}
      {answer.error ? <Failure error={answer.error} what="The lines of the trace" retry={() => void answer.refetch()} /> : (
        <LineList lines={lines} loading={answer.isFetching} stale={false} stream_names={['service_name', 'service']} more={null} live={false} following={null}
          filter={(name, operator, value, source) => url.go('/logs', { from: url.range.from, to: url.range.to, q: add_filter(all_lines, name, operator, value, source) })}
          empty={<Empty title={span ? 'No line carries this span id.' : 'No line carries this trace id.'}>
            <p class="row wrap">{span && <Link class="btn" href={url.to('/logs', { trace })}>All lines of the trace</Link>}<Link class="btn" href={url.to('/logs')}>All lines of the range</Link></p></Empty>} />
      )}
    </>
  );
}

interface ListProps {
  lines: LogLine[];
  loading: boolean;
  stale: boolean;
  stream_names: string[];
  filter(name: string, operator: '=' | '!=', value: string, source: FieldSource): void;
  more: (() => void) | null;
  following: Following | null;
  live: boolean;
  empty: preact.ComponentChildren;
  switcher?: preact.ComponentChildren;
}

function LineList({ lines, loading, stale, stream_names, filter, more, following, live, empty, switcher }: ListProps) {
  const url = useUrl();
  const [, navigate] = useLocation();
  const list = useRef<VListHandle>(null);
  const wrap = url.option('wrap') === '1';
  const at = url.params.get('at');
  const open_index = useMemo(() => (at === null ? -1 : lines.findIndex((line, index) => line.time_ns === at.split('-')[0] && line_key(lines, index) === at)), [lines, at]);
  const show = (index: number | null) => url.set({ at: index === null ? null : line_key(lines, index) }, { replace: true });
  const arrived = useRef(false);
  useEffect(() => {
    if (arrived.current || open_index < 0) return;
    arrived.current = true;
    list.current?.scrollToIndex(open_index, { align: 'center' });
  }, [open_index]);

  useEffect(() => add_keys((event) => {
    const move = (to: number) => {
      if (!lines[to]) return;
      show(to);
      list.current?.scrollToIndex(to, { align: 'nearest' });
    };
    if (event.key === 'j' || event.key === 'ArrowDown') move(open_index + 1);
    else if (event.key === 'k' || event.key === 'ArrowUp') move(Math.max(0, open_index - 1));
    else if (event.key === 'Escape' && open_index >= 0) show(null);
    else if (event.key === 't' && open_index >= 0) {
      const { trace_id, span_id } = ids_of(lines[open_index]);
      if (!trace_id) return false;
      navigate(url.to(`/traces/${trace_id}`, { at: span_id }));
    } else if (event.key === 'm' && open_index >= 0) {
      const line = lines[open_index];
      const service = service_of(fields_of(line));
      if (!service) return false;
      navigate(url.to('/metrics', { q: span_red_queries(service, null, '1m'), ...around(line.time_ms, 900_000), at: String(Math.round(line.time_ms)), v: ['mark:this line'] }));
    } else return false;
    return true;
  }));

  return (
    <section class={`panel ${css.list}`} aria-label="Log lines">
      <header>{switcher}<h2>{count(lines.length)} lines</h2><span class="t3">{more ? 'loaded, newest first; older ones follow at the end' : 'newest first'}</span><span class="grow" />
        {live && following && <span class="t2" role="status">{following.ended ? <span class="crit">▲ {following.ended}</span> : following.paused ? `${count(following.waiting)} new lines wait` : `${count(following.lines.length)} new`}{following.uncounted > 0 && `, ${count(following.uncounted)} not drawn`}</span>}
        {live && following && <button type="button" class="btn sm" onClick={() => following.pause(!following.paused)}>{following.paused ? 'Resume' : 'Pause'}</button>}
        <button type="button" class={`btn sm${wrap ? ' on' : ''}`} aria-pressed={wrap} onClick={() => url.set_option('wrap', wrap ? null : '1', { replace: true })}>Wrap</button>
      </header>
      <Loading on={loading} what="lines" />
      {lines.length === 0 && !loading && !live && empty}
      {lines.length === 0 && live && <Empty title="Following. Lines appear here as they arrive." />}
      {lines.length > 0 && (
        <VList ref={list as never} class={`${css.scroller}${stale ? ' stale' : ''}`} tabIndex={0} aria-label="Lines, newest first"
          onScroll={(offset: number) => {
            if (following && live && !following.paused && offset > 200) following.pause(true);
            if (more && !loading && list.current && offset + list.current.viewportSize > list.current.scrollSize - 800) more();
          }}>
          {lines.map((line, index) => (
            <LineRow key={`${line.time_ns} ${index}`} line={line} open={index === open_index} wrap={wrap} toggle={() => show(index === open_index ? null : index)} filter={filter} stream_names={stream_names} />
          ))}
        </VList>
      )}
      {loading && lines.length > 0 && more && <p class="s t3" style={{ padding: '2px 12px' }}>Loading older lines …</p>}
    </section>
  );
}

function LineRow({ line, open, wrap, toggle, filter, stream_names }: { line: LogLine; open: boolean; wrap: boolean; toggle(): void; filter: ListProps['filter']; stream_names: string[] }) {
  const url = useUrl();
  const fields = useMemo(() => fields_of(line), [line]);
  const level = level_of(fields.detected_level ?? fields.level ?? fields.severity_text ?? fields.severity);
  const { trace_id, span_id } = ids_of(line, fields);
  return (
    <div>
      <div class={`${css.row} ${css[level] ?? ''} ${open ? css.open : ''} ${wrap ? css.wrap : ''}`} style={{ borderLeftColor: `var(--level-${level})` }} onClick={(event) => event.target instanceof HTMLAnchorElement || toggle()}>
        <span class={css.time}><Time ms={line.time_ms} millis /></span>
        <span class={css.level}>{level === 'unknown' ? '' : level}</span>
        <ServiceMark name={service_of(fields) ?? ''} />
        <button type="button" class={css.msg} aria-expanded={open}><bdi>{message_text(line)}</bdi></button>
        {trace_id ? <Link class="link acc" href={url.to(`/traces/${trace_id}`, { ...around(line.time_ms, 900_000), at: span_id })} aria-label={`Trace ${trace_id.slice(0, 8)} of this line`}>{trace_id.slice(0, 8)}</Link> : <span />}
      </div>
      {open && <LineDetails line={line} fields={fields} trace_id={trace_id} span_id={span_id} filter={filter} stream_names={stream_names} />}
    </div>
  );
}

const fields_shown = 60;

function LineDetails({ line, fields, trace_id, span_id, filter, stream_names }: { line: LogLine; fields: Labels; trace_id: string | null; span_id: string | null; filter: ListProps['filter']; stream_names: string[] }) {
  const url = useUrl();
  const range = useRange();
  const log_selector = useLogSelector(range);
  const [all, set_all] = useState(false);
  const service = service_of(fields);
  const names = Object.keys(fields);
  return (
    <div class={css.details}>
      <div class="row wrap" style={{ marginBottom: '6px' }}>
        {trace_id && <Link class="btn pri sm" href={url.to(`/traces/${trace_id}`, { ...around(line.time_ms, 900_000), at: span_id })}>Open trace</Link>}
        {trace_id && <Link class="btn sm" href={url.to('/logs', { trace: trace_id })}>Lines of the trace</Link>}
        {service && <Link class="btn sm" href={url.to('/logs', { q: log_selector(service), ...around(line.time_ms, 5000), at: line.time_ns })} title="Five seconds before and after">Around it</Link>}
        {service && <Link class="btn sm" href={url.to('/metrics', { q: span_red_queries(service, null, '1m'), ...around(line.time_ms, 900_000), at: String(Math.round(line.time_ms)), v: ['mark:this line'] })}>Rate, errors, p99 of {service}</Link>}
        <span class="grow" /><Time ms={line.time_ms} millis with_day />
      </div>
      <div class={css.pair}><span>line</span><span><LongText text={line.text} /></span><span /></div>
      {(all ? names : names.slice(0, fields_shown)).map((name) => {
        const value = fields[name];
        const short = value.length <= 500;
        const source = source_of(line, name, stream_names);
        return (
          <div class={css.pair} key={name}>
            <span><bdi>{name}</bdi></span><span><LongText text={value} /></span>
            {short ? <span class="group"><button type="button" class="btn mini" aria-label={`Only lines with ${name} = ${value}`} title="Only these" onClick={() => filter(name, '=', value, source)}>=</button>
              <button type="button" class="btn mini" aria-label={`No lines with ${name} = ${value}`} title="Not these" onClick={() => filter(name, '!=', value, source)}>≠</button></span> : <span />}
          </div>
        );
      })}
      {names.length > fields_shown && !all && <button type="button" class="btn sm" onClick={() => set_all(true)}>All {count(names.length)} fields</button>}
    </div>
  );
}

function Fields({ lines, query, range, stream_names, filter }: { lines: LogLine[]; query: string; range: ResolvedRange; stream_names: string[]; filter: ListProps['filter'] }) {
  const [text, set_text] = useState('');
  const [open, set_open] = useState<string | null>(null);
  const names = useMemo(() => {
    const found = new Map<string, { lines: number; source: FieldSource }>();
    for (const line of lines.slice(0, 1000)) {
      for (const name of Object.keys(fields_of(line))) {
        const known = found.get(name);
        if (known) known.lines++;
        else if (found.size < 500) found.set(name, { lines: 1, source: source_of(line, name, stream_names) });
      }
    }
    return [...found].map(([name, { lines: number, source }]) => ({ name, number, source })).sort((left, right) => right.number - left.number || left.name.localeCompare(right.name));
  }, [lines, stream_names]);
  const shown = names.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  return (
    <aside class={`panel ${css.fields}`} aria-label="Fields" tabIndex={0}>
      <div style={{ padding: '8px' }}><input class="input" style={{ width: '100%' }} type="search" placeholder="Find a field" aria-label="Find a field" value={text} onInput={(event) => set_text(event.currentTarget.value)} /></div>
      <p class="t3 xs" style={{ padding: '0 12px 4px' }}>Fields of the newest {count(Math.min(1000, lines.length))} lines; counts when opened are of the whole range</p>
      {shown.slice(0, 200).map(({ name, source }) => (
        <details key={name} open={open === name} onToggle={(event) => event.currentTarget.open ? set_open(name) : open === name && set_open(null)}>
          <summary><bdi class="ell">{name}</bdi></summary>
          {open === name && <FieldValues name={name} source={source} query={query} range={range} filter={filter} />}
        </details>
      ))}
    </aside>
  );
}

function FieldValues({ name, source, query, range, filter }: { name: string; source: FieldSource; query: string; range: ResolvedRange; filter: ListProps['filter'] }) {
  const span = format_duration_short(Math.ceil((range.to_ms - range.from_ms) / 1000) * 1000);
  const answer = useQuery({
    queryKey: ['field', name, source, query, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_instant(top_values_query(query, name, source, span), range.to_ms, signal),
  });
  if (answer.error) return <p class="s crit pre" style={{ padding: '0 12px 8px 24px' }}>▲ {message_of(answer.error)}</p>;
  if (!answer.data) return <p class="s t3" style={{ padding: '0 12px 8px 24px' }}>Counting …</p>;
  const values = [...answer.data].sort((left, right) => right.value - left.value);
  return (
    <ul>
      {values.map(({ labels, value }) => {
        const text = Object.values(labels)[0] ?? '';
        return <li key={text}><button type="button" title={`Only ${text}`} onClick={() => filter(name, '=', text, source)}><bdi>{text.slice(0, 120)}</bdi></button><span class="num t2">{count(value)}</span>
          <button type="button" class="btn ghost mini" aria-label={`Not ${text.slice(0, 60)}`} title="Not these" onClick={() => filter(name, '!=', text, source)}>≠</button></li>;
      })}
      {values.length === 0 && <li class="t3">No values in this range.</li>}
      {values.length === 12 && <li class="t3">The 12 most frequent.</li>}
    </ul>
  );
}

function level_label(labels: Labels): Level {
  return level_of(labels.level || labels.detected_level || labels.severity_text);
}

function by_level(series: Series[]): Map<number, Map<Level, number>> {
  const buckets = new Map<number, Map<Level, number>>();
  for (const { labels, times_s, values } of series) {
    const level = level_label(labels);
    times_s.forEach((time, index) => {
      const value = values[index] ?? 0;
      const bucket = buckets.get(time) ?? new Map<Level, number>();
      bucket.set(level, (bucket.get(level) ?? 0) + value);
      buckets.set(time, bucket);
    });
  }
  return buckets;
}

function Histogram({ query, range, level_in_json }: { query: string; range: ResolvedRange; level_in_json: string | null }) {
  const url = useUrl();
  const step = step_seconds(range, 100);
  const answer = useQuery({
    queryKey: ['histogram', query, level_in_json, Math.floor(range.from_ms / 1000 / step), Math.floor(range.to_ms / 1000 / step), step], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_metric(count_query(query, `${step}s`, level_in_json), range, step, signal, 'begun'),
  });
  // The bars stand on whole steps, which begin before the range and end after it: the totals are counted by themselves.
  const exact = useQuery({
    queryKey: ['totals', query, level_in_json, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_instant(count_query(query, format_duration_short(Math.max(1, Math.round(range.to_ms - range.from_ms))), level_in_json), range.to_ms, signal),
  });
  const buckets = useMemo(() => by_level(answer.data ?? []), [answer.data]);
  const totals = useMemo(() => {
    const sums = new Map<Level, number>();
    for (const { labels, value } of exact.data ?? []) sums.set(level_label(labels), (sums.get(level_label(labels)) ?? 0) + value);
    return sums;
  }, [exact.data]);
  const [drag, set_drag] = useState<[number, number] | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const length = range.to_ms - range.from_ms;
  const x = (ms: number) => ((ms - range.from_ms) / length) * 1000;
  const most = Math.max(1, ...[...buckets.values()].map((bucket) => [...bucket.values()].reduce((sum, value) => sum + value, 0)));
  const total = [...totals.values()].reduce((sum, value) => sum + value, 0);
  const at = (event: PointerEvent) => {
    const box = svg.current!.getBoundingClientRect();
    return range.from_ms + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length;
  };
  return (
    <Panel title={answer.error || !exact.data ? 'Lines by level' : `${count(total)} lines`} side={
      <span class={css.legend}>{levels.filter((level) => totals.get(level)).map((level) => <span key={level}><i class="sq" style={{ background: `var(--level-${level})` }} />{level} <b>{count(totals.get(level)!)}</b></span>)}</span>}>
      <Loading on={answer.isFetching && !answer.data} what="counts" />
      {answer.error ? <Partial>The counts could not be loaded: {message_of(answer.error)}</Partial> : (
        <div class={css.hist}>
          <span class={css.y}>{count(most)}</span>
          <svg ref={svg} viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label={`${count(total)} lines: ${[...totals].map(([level, value]) => `${level} ${count(value)}`).join(', ')}`}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              set_drag([at(event), at(event)]);
            }}
            onPointerMove={(event) => drag && set_drag([drag[0], at(event)])}
            onPointerUp={(event) => {
              if (!drag) return;
              const [from, to] = [Math.min(drag[0], at(event)), Math.max(drag[0], at(event))];
              set_drag(null);
              if (to - from > length * 0.005) url.set({ ...absolute_range(from, to), live: null });
            }}>
            {[...buckets].map(([time, bucket]) => {
              let y = 100;
              return levels.slice().reverse().filter((level) => bucket.get(level)).map((level) => {
                const height = (bucket.get(level)! / most) * 100;
                y -= height;
                // A point at time t counts the lines of the step before it.
                return <rect key={`${time} ${level}`} x={x((time - step) * 1000) + 0.5} width={Math.max(1, (step * 1000 / length) * 1000 - 1)} y={y} height={height} style={{ fill: `var(--level-${level})` }} />;
              });
            })}
            {drag && <rect x={x(Math.min(...drag))} width={Math.max(1, x(Math.max(...drag)) - x(Math.min(...drag)))} y="0" height="100" style={{ fill: 'var(--accent-soft)' }} />}
          </svg>
          {[0.1, 0.3, 0.5, 0.7, 0.9].map((share) => <span key={share} class={css.x} style={{ left: `calc(64px + (100% - 76px) * ${share})` }}>{clock_text(range.from_ms + share * length)}</span>)}
        </div>
      )}
    </Panel>
  );
}

// Which part of the query removed everything: tried one stage shorter each.
function NoLines({ query, everything, run }: { query: string; everything: string; run(text: string): void }) {
  const url = useUrl();
  const range = useRange();
  const stages = useMemo(() => {
    const cuts = [...query.matchAll(/\s*(\|=|\|~|!=|!~|\|>|!>|\|)(?=\s*["`\w])/g)].map(({ index }) => index);
    return [...new Set(cuts.map((cut) => query.slice(0, cut).trim()).filter((text) => text.includes('}')))].reverse().slice(0, 4);
  }, [query]);
  const span = format_duration_short(Math.ceil((range.to_ms - range.from_ms) / 1000) * 1000);
  const counts = useQuery({
    queryKey: ['explain', stages.join('\n'), range.from_ms, range.to_ms], enabled: stages.length > 0,
    queryFn: ({ signal }) => Promise.all(stages.map(async (stage) => (await query_log_instant(`sum(count_over_time(${stage} [${span}]))`, range.to_ms, signal))[0]?.value ?? 0)),
  });
  return (
    <Empty title="No lines match in this range.">
      {stages.length > 0 && counts.data && <ul class="t2">{stages.map((stage, index) => <li key={stage}><code>{stage}</code>: <b>{count(counts.data[index])}</b> lines {counts.data[index] > 0 && <button type="button" class="link acc" onClick={() => run(stage)}>Use it</button>}</li>)}</ul>}
      <p class="row wrap">{query !== everything && <button type="button" class="btn" onClick={() => run('')}>All lines</button>}<button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button></p>
      <p class="t2">Lines arrive by OTLP, or at /loki/api/v1/push from Promtail, Alloy and the like.</p>
    </Empty>
  );
}

function LogMetric({ query, range }: { query: string; range: ResolvedRange }) {
  const url = useUrl();
  const clock = useClock();
  const [solo, set_solo] = useState<number | null>(null);
  const step = step_seconds(range, 200);
  const answer = useQuery({ queryKey: ['log metric', query, range.from_ms, range.to_ms], placeholderData: keepPreviousData, queryFn: ({ signal }) => query_log_metric(query, range, step, signal) });
  const series = useMemo(() => {
    const all = answer.data ?? [];
    const slots = assign_slots(all.map(({ labels }) => labels));
    const common = common_labels(all.map(({ labels }) => labels));
    return all.map((one, index) => ({ ...one, slot: slots[index], name: series_name(one.labels, common) }));
  }, [answer.data]);
  if (answer.error) return <NotRun error={answer.error} retry={() => void answer.refetch()} hint={message_of(answer.error)} />;
  if (!answer.data) return <Loading on what="the series" />;
  if (series.length === 0) return <Empty title="No lines in this range match." />;
  return (
    <>
      <Panel title={`${count(series.length)} series from lines`}><LineChart series={series} range={range} unit="plain" height={300} label={query} solo={solo}
        zoom={(from, to) => url.set({ ...absolute_range(from, to), live: null })} zoom_out={() => url.set(scale_range(url.range, clock.now_ms, 2))} /></Panel>
      <Legend series={series} unit_of={() => 'plain'} solo={solo} set_solo={set_solo} />
    </>
  );
}
