// One trace (a large one by parts: large_trace.tsx): minimap, waterfall, the chosen span's details, and the log lines of trace, span or service beside it.
// URL: at = chosen span, v=win:from-to (ns in the trace), v=logs:trace|subtree|span|service,
// v=failed:1, v=critical:1, v=find:text, v=as:flame|paths.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { ApiError } from '../api/http';
import { query_lines, type LogLine } from '../api/loki';
import { fields_of, ids_of, trace_exemplars, trace_logs } from '../api/obelisk';
import { get_trace } from '../api/tempo';
import { trace_find, trace_overview } from '../api/trace_parts';
import { useClock } from '../app/clock';
import { add_keys } from '../app/keys';
import { level_of } from '../format/colors';
import { count, duration, percent } from '../format/numbers';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { Empty, Failure, Loading, message_of, Partial } from '../parts/states';
import { around, selector, service_of, span_red_queries, traceql_of_span } from '../state/pivots';
import { absolute_range } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { visible_rows } from '../trace/rows';
import { longest_self_time, read_trace, self_time_by_service, type Span, type Trace } from '../trace/trace_model';
import { AttributeList, AttributeRows } from '../trace/attributes';
import { Find } from '../trace/find';
import { Flame } from '../trace/flame';
import { Minimap } from '../trace/minimap';
import { Paths } from '../trace/paths';
import { Rank, Usual } from '../trace/usual';
import { row_span, Waterfall, type TimeWindow } from '../trace/waterfall';
import { LargeTrace } from './large_trace';
import { message_text } from './log_line';
import css from './trace.module.css';

// A larger one is shown by parts: the page would be slow, and the server would have to send it whole.
const spans_shown_whole = 10_000;

export default function TraceView() {
  const { id = '' } = useParams<{ id: string }>();
  const url = useUrl();
  const clock = useClock();
  const overview = useQuery({ queryKey: ['trace overview', id], staleTime: 60_000, queryFn: ({ signal }) => trace_overview(id, signal) });
  const is_large = (overview.data?.spans ?? 0) > spans_shown_whole;
  const answer = useQuery({ queryKey: ['trace', id], staleTime: 60_000, enabled: overview.data !== undefined && !is_large, queryFn: ({ signal }) => get_trace(id, signal) });
  const trace = useMemo(() => (answer.data ? read_trace(answer.data) : null), [answer.data]);
  const reload = () => void overview.refetch().then(() => answer.refetch());
  if (overview.data && is_large) return <LargeTrace key={`${overview.data.trace_id} ${overview.data.spans}`} overview={overview.data} />;
  const error = overview.error ?? answer.error;
  if ((error instanceof ApiError && error.status === 404) || (answer.data && !trace)) {
    return (
      <Empty title={`No spans of trace ${id} are here.`}>
        <ul class="t2"><li>It may still be on its way: spans arrive in batches of a few seconds.</li><li>It may be older than the retention, or was never sampled.</li></ul>
        <p class="row wrap"><button class="btn" type="button" onClick={reload}>Look again</button><Link class="btn" href={url.to('/logs', { trace: id })}>Its log lines</Link><Link class="btn" href={url.to('/traces')}>Search traces</Link></p>
      </Empty>
    );
  }
  if (error) return <Failure error={error} what="The trace" retry={reload} />;
  if (!trace) return <Loading on what={`trace ${id.slice(0, 8)}`} />;
  return <Loaded key={`${trace.trace_id} ${trace.spans.length}`} trace={trace} now_ms={clock.now_ms} reload={reload} />;
}

function read_window(text: string | null, trace: Trace): TimeWindow {
  const found = /^(\d+)-(\d+)$/.exec(text ?? '');
  const [from_ns, to_ns] = found ? [Number(found[1]), Number(found[2])] : [0, trace.duration_ns];
  return to_ns > from_ns ? { from_ns, to_ns: Math.min(to_ns, trace.duration_ns) } : { from_ns: 0, to_ns: trace.duration_ns };
}

const nothing: ReadonlySet<string> = new Set();
const shapes: [string | null, string][] = [[null, 'Waterfall'], ['flame', 'Flame'], ['paths', 'Equal paths together']];

function Loaded({ trace, now_ms, reload }: { trace: Trace; now_ms: number; reload(): void }) {
  const url = useUrl();
  const slowest = useMemo(() => longest_self_time(trace), [trace]);
  const chosen = trace.by_id.get(url.params.get('at') ?? '') ?? slowest;
  const [collapsed, set_collapsed] = useState<ReadonlySet<string>>(nothing);
  const [unfolded, set_unfolded] = useState<ReadonlySet<string>>(nothing);
  const [lit_ns, set_lit] = useState<number | null>(null);
  const main = useRef<HTMLElement>(null);
  const [narrow, set_narrow] = useState(() => window.innerWidth < 760);
  useEffect(() => {
    const listen = () => set_narrow(window.innerWidth < 760);
    window.addEventListener('resize', listen);
    return () => window.removeEventListener('resize', listen);
  }, []);
  const only_failed = url.option('failed') === '1';
  const only_critical = url.option('critical') === '1';
  const shape = url.option('as');
  const view = useMemo(() => read_window(url.option('win'), trace), [url.option('win'), trace]);
  const keep = useMemo(() => {
    const path = new Set<Span>();
    for (let up: Span | null = chosen; up; up = up.parent) path.add(up);
    return path;
  }, [chosen]);
  const find = url.option('find') ?? '';
  const found = useQuery({ queryKey: ['trace find', trace.trace_id, find], enabled: find !== '', staleTime: 60_000, retry: false, queryFn: ({ signal }) => trace_find(trace.trace_id, find, spans_shown_whole, signal) });
  const found_ids = useMemo(() => (find !== '' && found.data ? new Set(found.data.span_ids) : null), [find, found.data]);
  const only = useMemo(() => (only_failed || only_critical || found_ids
    ? (span: Span) => (!only_failed || span.failed) && (!only_critical || span.critical_ns > 0) && (!found_ids || found_ids.has(span.span_id)) : null), [only_failed, only_critical, found_ids]);
  const rows = useMemo(() => visible_rows(trace, { collapsed, unfolded, keep, only }), [trace, collapsed, unfolded, keep, only]);
  const chosen_row = useMemo(() => rows.findIndex((row) => row.kind === 'span' && row.span === chosen), [rows, chosen]);
  const choose = (span: Span) => url.set({ at: span.span_id }, { replace: true });
  const toggle = (span: Span) => set_collapsed((old) => {
    const next = new Set(old);
    if (!next.delete(span.span_id)) next.add(span.span_id);
    return next;
  });
  const set_window = (next: TimeWindow | null) => url.set_option('win', next && `${Math.round(next.from_ns)}-${Math.round(next.to_ns)}`, { replace: true });
  const zoom = (factor: number) => {
    const middle = chosen.start_ns + chosen.duration_ns / 2;
    const half = ((view.to_ns - view.from_ns) * factor) / 2;
    const next = { from_ns: Math.max(0, middle - half), to_ns: Math.min(trace.duration_ns, middle + half) };
    set_window(next.from_ns === 0 && next.to_ns === trace.duration_ns ? null : next);
  };

  useEffect(() => add_keys((event) => {
    const at = chosen_row;
    const move = (to: number) => rows[to] && choose(row_span(rows[to]));
    const next = (wanted: (span: Span) => boolean) => {
      const found = [...trace.spans.slice(chosen.index + 1), ...trace.spans.slice(0, chosen.index)].find(wanted);
      if (found) choose(found);
    };
    switch (event.key) {
      case 'ArrowDown': case 'j': move(at + 1); break;
      case 'ArrowUp': case 'k': move(Math.max(0, at - 1)); break;
      case 'ArrowLeft':
        if (chosen.children.length > 0 && !collapsed.has(chosen.span_id)) toggle(chosen);
        else if (chosen.parent) choose(chosen.parent);
        break;
      case 'ArrowRight':
        if (collapsed.has(chosen.span_id)) toggle(chosen);
        else if (chosen.children[0]) choose(chosen.children[0]);
        break;
      case '[': set_collapsed(new Set(trace.spans.filter((span) => span.children.length > 0 && span.depth > 0).map((span) => span.span_id))); break;
      case ']': set_collapsed(nothing); break;
      case 'n': next((span) => span.failed); break;
      case 'p': next((span) => span.critical_ns > 0); break;
      case '+': case '=': zoom(0.5); break;
      case '-': zoom(2); break;
      case 'm': url.go('/metrics', red_patch(chosen, trace)); break;
      case 'l': url.go('/logs', { trace: trace.trace_id, ...around(span_ms(chosen, trace), 1000, 1000 + chosen.duration_ns / 1e6) }); break;
      case 't': url.go('/traces', { q: traceql_of_span(chosen.service, chosen.name), ...around(span_ms(chosen, trace), 900_000) }); break;
      case 'Escape': set_window(null); break;
      default: return false;
    }
    return true;
  }));

  const root = trace.root;
  const start_ms = Number(trace.start_unix_ns / 1000n) / 1000;
  const by_service = useMemo(() => self_time_by_service(trace), [trace]);
  const total_self = by_service.reduce((sum, { self_ns }) => sum + self_ns, 0) || 1;
  return (
    <div class={css.view}>
     <div class={css.column}>
      <section class={`panel ${css.main}`} ref={main} aria-label="Waterfall">
        <div class={css.head}>
          <h2 class="row"><ServiceMark name={root.service} plain /><bdi class="ell">{root.name}</bdi></h2>
          <b class="num">{duration(trace.duration_ns / 1e9)}</b>
          {trace.failed > 0 ? <span class="tag crit"><span class="crit">▲ {count(trace.failed)} failed</span></span> : <span class="tag ok"><span class="ok">● no failures</span></span>}
          <span class="t2">{count(trace.spans.length)} spans · {trace.services.length} {trace.services.length === 1 ? 'service' : 'services'} · depth {trace.depth}</span>
          <span class="grow" />
          <span class="t2"><Time ms={start_ms} millis with_day /></span>
          <span class="mono t3 ell" title="Trace id">{trace.trace_id}</span>
        </div>
        {(trace.missing_parents > 0 || trace.skewed > 0 || trace.duplicates > 0 || trace.roots.length > 1) && (
          <Partial>
            {[trace.missing_parents > 0 && `${count(trace.missing_parents)} spans lack their parent`, trace.roots.length > 1 && `${count(trace.roots.length)} roots`,
              trace.skewed > 0 && `${count(trace.skewed)} spans begin before their parent (clock skew)`, trace.duplicates > 0 && `${count(trace.duplicates)} span ids came twice`].filter(Boolean).join(', ')}.{' '}
            {trace.missing_parents > 0 && now_ms - start_ms < 120_000 && <button type="button" class="link acc" onClick={reload}>Look again: it may still be arriving</button>}
          </Partial>
        )}
        <Minimap trace={trace} window={view} choose={set_window} />
        <div class={css.tools}>
          <div class="group" role="group" aria-label="Show the trace as">
            {shapes.map(([key, text]) => <button key={text} type="button" class={`btn sm${shape === key ? ' on' : ''}`} aria-pressed={shape === key} onClick={() => url.set_option('as', key, { replace: true })}>{text}</button>)}
          </div>
          {shape === null && <>
            <label class="row"><input type="checkbox" checked={only_critical} onChange={(event) => url.set_option('critical', event.currentTarget.checked ? '1' : null, { replace: true })} /> <span class={css.path} aria-hidden="true" />Critical path only</label>
            <label class="row"><input type="checkbox" checked={only_failed} onChange={(event) => url.set_option('failed', event.currentTarget.checked ? '1' : null, { replace: true })} /> Failures only</label>
          </>}
          <Find text={find} ask={(text) => url.set_option('find', text === '' ? null : text, { replace: true })} />
          {find !== '' && <span class="t2" role="status">{found.error ? message_of(found.error) : found.data ? `${count(found.data.total)} found` : '…'}</span>}
          {url.option('win') && <button type="button" class="btn sm" onClick={() => set_window(null)}>Whole trace</button>}
          <span class="grow" />
          {by_service.slice(0, 5).map(({ service, self_ns }) => <span class="row" key={service}><ServiceMark name={service} /><b class="num">{percent(self_ns / total_self)}</b></span>)}
        </div>
        {shape === 'flame' ? <Flame trace_id={trace.trace_id} /> : shape === 'paths' ? <Paths trace_id={trace.trace_id} /> : rows.length === 0 ? <Empty title="No span of this trace fits." /> :
        <Waterfall rows={rows} window={view} chosen={chosen} chosen_row={chosen_row} lit_ns={lit_ns} is_open={(span) => !collapsed.has(span.span_id)} left_share={narrow ? 0.62 : 0.42} choose={choose} toggle={toggle}
          unfold={(key) => set_unfolded((old) => new Set(old).add(key))} />}
      </section>
      <div class={css.usual_place}><Usual trace={trace} /></div>
     </div>
      <div class={css.side}>
        <SpanDetails key={chosen.index} span={chosen} trace={trace} slowest={chosen === slowest} />
        <TraceLogs trace={trace} span={chosen} light={set_lit} choose={choose} />
      </div>
    </div>
  );
}

function span_ms(span: Span, trace: Trace): number {
  return Number(trace.start_unix_ns / 1000n) / 1000 + span.start_ns / 1e6;
}

function red_patch(span: Span, trace: Trace): Record<string, string | string[]> {
  return { q: span_red_queries(span.service, span.name, '1m'), ...around(span_ms(span, trace), 900_000), at: String(Math.round(span_ms(span, trace))), v: ['mark:this span'] };
}

function SpanDetails({ span, trace, slowest }: { span: Span; trace: Trace; slowest: boolean }) {
  const url = useUrl();
  const at_ms = span_ms(span, trace);
  const range = absolute_range(at_ms - 900_000, at_ms + span.duration_ns / 1e6 + 900_000);
  const log_selector = useLogSelector({ from_ms: at_ms - 900_000, to_ms: at_ms + 900_000 });
  const lines = useTraceLogs(trace);
  const own_lines = lines.data?.lines.filter((line) => ids_of(line).span_id === span.span_id).length;
  const exemplars = useQuery({ queryKey: ['trace exemplars', trace.trace_id], queryFn: ({ signal }) => trace_exemplars(trace.trace_id, signal), staleTime: 60_000 });
  const narrow = absolute_range(at_ms - 1000, at_ms + span.duration_ns / 1e6 + 1000);
  const service_logs = url.to('/logs', { q: log_selector(span.service), ...narrow });
  // Those of this very operation first: a trace may have an exemplar in every series it went through.
  const own_first = (series: Record<string, string>) => Number(service_of(series) !== span.service) * 2 + Number(series.span_name !== undefined && series.span_name !== span.name);
  const metric_names = [...new Map((exemplars.data ?? []).map(({ series, time_s, value }) => [selector_without_le(series), { series, time_s, value }])).values()].sort((left, right) => own_first(left.series) - own_first(right.series));
  return (
    <Panel title={<span class="row"><ServiceMark name={span.service} plain /><bdi class="ell">{span.name || '(no name)'}</bdi></span>} side={<span class="t3 s"><bdi>{span.service}</bdi> · {span.kind}</span>}>
      <div class={css.figures}>
        <div><span>duration</span><b>{duration(span.duration_ns / 1e9)}</b></div>
        <div><span>self time</span><b>{duration(span.self_ns / 1e9)}</b></div>
        <div><span>of the trace</span><b>{percent(span.duration_ns / Math.max(1, trace.duration_ns))}</b></div>
      </div>
      <Rank span={span} trace={trace} />
      {slowest && <p class="s" style={{ padding: '0 12px' }}><span class="tag warn"><span class="warn">▲ Longest self time of the trace</span></span></p>}
      {span.failed && <p class="s" style={{ padding: '4px 12px 0' }}><span class="tag crit"><span class="crit">▲ Failed</span></span> <bdi>{span.status_message}</bdi></p>}
      <div class={css.actions}>
        <Link class="btn sm" href={url.to('/metrics', red_patch(span, trace))} title="Of this operation, 15 minutes around this span">Rate, errors, p99</Link>
        <Link class="btn sm" href={url.to('/logs', { trace: trace.trace_id, span: span.span_id, ...narrow })}>Logs of the span{own_lines !== undefined && <b class="num">{count(own_lines)}</b>}</Link>
        <Link class="btn sm" href={service_logs} title="All its lines, one second around">Logs of the service then</Link>
        <Link class="btn sm" href={url.to('/traces', { q: traceql_of_span(span.service, span.name), ...range })}>Same span elsewhere</Link>
        {metric_names.slice(0, 3).map(({ series, time_s }) => (
          <Link key={selector_without_le(series)} class="btn sm" title={selector(series)}
            href={url.to('/metrics', { q: histogram_query(series), ...around(time_s * 1000, 900_000), at: String(Math.round(time_s * 1000)), v: ['mark:this trace'] })}>◆ p99 of {series.span_name ?? series.endpoint ?? series.route ?? series.__name__?.replace(/_bucket$/, '') ?? 'its series'} <span class="t3">{service_of(series) ?? ''}</span></Link>
        ))}
      </div>
      <AttributeList title="Attributes" attributes={span.attributes} scope="span" range={range} open />
      <AttributeList title="Resource" attributes={span.resource} scope="resource" range={range} />
      {span.events.length > 0 && (
        <details class={css.more} open={span.events.length <= 5}>
          <summary>{count(span.events.length)} events</summary>
          {span.events.slice(0, 100).map((event, index) => (
            <div class={css.attrs} key={index}><b class="s"><bdi>{event.name}</bdi></b> <span class="t3 s">+{duration((event.at_ns - span.start_ns) / 1e9)}</span><AttributeRows attributes={event.attributes} scope="event" range={range} /></div>
          ))}
        </details>
      )}
      {span.links.length > 0 && (
        <details class={css.more}><summary>{count(span.links.length)} links</summary>
          <ul>{span.links.slice(0, 100).map((one, index) => <li key={index}><Link class="link acc mono" href={url.to(`/traces/${one.trace_id}`, { at: one.span_id, v: [] })}>{one.trace_id.slice(0, 8)} / {one.span_id}</Link><AttributeRows attributes={one.attributes} /></li>)}</ul>
        </details>
      )}
      <div class={css.attrs}><dl>
        <dt>started</dt><dd>+{duration(span.start_ns / 1e9)} · <Time ms={at_ms} millis /></dd><dt>span id</dt><dd>{span.span_id || '–'}</dd>
        <dt>scope</dt><dd><bdi>{span.scope || '–'}</bdi></dd></dl></div>
    </Panel>
  );
}

function selector_without_le(series: Record<string, string>): string {
  return selector(Object.fromEntries(Object.entries(series).filter(([name]) => name !== 'le')));
}

function histogram_query(series: Record<string, string>): string {
  const { __name__: name = '', le: _le, ...rest } = series;
  const wanted = Object.fromEntries(Object.entries(rest).filter(([label]) => !['instance', 'http_status', 'status', 'status_code'].includes(label)));
  return name.endsWith('_bucket') ? `histogram_quantile(0.99, sum by (le, job) (rate(${name}${selector(wanted)}[1m])))` : `${name}${selector(wanted)}`;
}

const log_lines_shown = 300;
const no_lines: LogLine[] = [];

function useTraceLogs(trace: Trace) {
  return useQuery({ queryKey: ['trace logs', trace.trace_id], queryFn: ({ signal }) => trace_logs(trace.trace_id, signal), staleTime: 30_000 });
}

function TraceLogs({ trace, span, light, choose }: { trace: Trace; span: Span; light(ns: number | null): void; choose(span: Span): void }) {
  const url = useUrl();
  const mode = url.option('logs') ?? 'trace';
  const start_ms = Number(trace.start_unix_ns / 1000n) / 1000;
  const own = useTraceLogs(trace);
  const at_ms = span_ms(span, trace);
  const around_span = { from_ms: at_ms - 1000, to_ms: at_ms + span.duration_ns / 1e6 + 1000 };
  const log_selector = useLogSelector(around_span);
  const of_service = useQuery({
    queryKey: ['service logs', span.service, around_span.from_ms, around_span.to_ms, log_selector(span.service)], enabled: mode === 'service', placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_lines(log_selector(span.service), around_span, 500, signal),
  });
  const own_lines = own.data?.lines ?? no_lines;
  const of_span = useMemo(() => own_lines.filter((line) => ids_of(line).span_id === span.span_id), [own.data, span.span_id]);
  const of_subtree = useMemo(() => {
    // Depth first, a span and all below it stand together.
    const within = (one: Span | undefined) => one !== undefined && one.index >= span.index && one.index <= span.index + span.descendants;
    return own_lines.filter((line) => within(trace.by_id.get(ids_of(line).span_id ?? '')));
  }, [own.data, span]);
  const lines: LogLine[] = mode === 'span' ? of_span : mode === 'subtree' ? of_subtree : mode === 'service' ? [...(of_service.data ?? [])].reverse() : own_lines;
  const source = mode === 'service' ? of_service : own;
  const narrow = absolute_range(start_ms - 1000, start_ms + trace.duration_ns / 1e6 + 1000);
  const open_in_logs = mode === 'service' ? url.to('/logs', { q: log_selector(span.service), ...absolute_range(around_span.from_ms, around_span.to_ms) })
    : url.to('/logs', { trace: trace.trace_id, span: mode === 'span' ? span.span_id : null, ...narrow });
  const tabs: [string, string, string][] = [['trace', 'Trace', own.data ? count(own_lines.length) : ''], ['subtree', 'Subtree', own.data ? count(of_subtree.length) : ''], ['span', 'Span', own.data ? count(of_span.length) : ''], ['service', 'Service ±1 s', mode === 'service' && of_service.data ? count(of_service.data.length) : '']];
  return (
    <section class="panel" aria-label="Log lines">
      <header class={css.wrapping}><h2>Logs</h2>
        <div class="group" role="group" aria-label="Whose lines">{tabs.map(([key, text, number]) => <button key={key} type="button" class={`btn sm${mode === key ? ' on' : ''}`} aria-pressed={mode === key} onClick={() => url.set_option('logs', key === 'trace' ? null : key, { replace: true })}>{text} <b>{number}</b></button>)}</div>
        <span class="grow" /><Link class="link acc s" href={open_in_logs}>Open in Logs</Link>
      </header>
      <Loading on={source.isFetching && !source.data} what="log lines" />
      {source.error && <Failure error={source.error} what="The log lines" retry={() => void source.refetch()} />}
      {mode !== 'service' && own.data?.incomplete && <Partial>Not all lines could be read: {own.data.incomplete}</Partial>}
      {mode !== 'service' && own.data?.truncated && <Partial>The first {count(own_lines.length)} lines; the trace has more.</Partial>}
      {!source.error && source.data && lines.length === 0 && <Empty title={mode === 'span' ? 'No line carries this span id.' : mode === 'subtree' ? 'No line carries the id of this span or of one below it.' : mode === 'service' ? 'No lines of this service then.' : 'No line carries this trace id.'}>
        {mode !== 'service' && <button type="button" class="btn sm" onClick={() => url.set_option('logs', mode === 'span' || mode === 'subtree' ? null : 'service', { replace: true })}>{mode === 'span' || mode === 'subtree' ? 'Lines of the whole trace' : 'Lines of the service at that time'}</button>}</Empty>}
      {lines.length > 0 && (
        <div class={css.lines} tabIndex={0} role="group" aria-label="Lines, oldest first">
          <ul>{lines.slice(0, log_lines_shown).map((line, index) => {
            const fields = fields_of(line);
            const { span_id } = ids_of(line, fields);
            const level = level_of(fields.detected_level ?? fields.level ?? fields.severity_text);
            const its_span = span_id ? trace.by_id.get(span_id) : undefined;
            return (
              <li key={index}><button type="button" class={`${css.logline}${its_span === span ? ` ${css.lit}` : ''}`} style={{ borderLeftColor: `var(--level-${level})` }}
                title={`${its_span ? `Span ${its_span.name}. ` : ''}${line.text.slice(0, 500)}`} onMouseEnter={() => light(Number(BigInt(line.time_ns) - trace.start_unix_ns))} onMouseLeave={() => light(null)}
                onClick={() => its_span && choose(its_span)}>
                <span class={css.at}>{offset_text(line.time_ms - start_ms)}</span><ServiceMark name={service_of(fields) ?? ''} plain /><bdi class="ell">{message_text(line)}</bdi></button></li>
            );
          })}</ul>
          {lines.length > log_lines_shown && <p class="s t2" style={{ padding: '6px 12px' }}>The first {log_lines_shown} of {count(lines.length)}. <Link class="link acc" href={open_in_logs}>All in Logs</Link></p>}
        </div>
      )}
    </section>
  );
}

function offset_text(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${Math.abs(ms) < 10_000 ? Math.abs(ms).toFixed(1) : Math.round(Math.abs(ms)).toLocaleString('en-US')}`;
}
