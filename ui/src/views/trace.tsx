// One trace (a large one by parts: large_trace.tsx): minimap, waterfall, the chosen span's details, and the log lines of trace, span or service beside it.
// URL: at = chosen span, v=win:from-to (ns in the trace), v=logs:trace|subtree|span|service,
// v=failed:1, v=critical:1, v=find:text, v=as:flame|paths.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { ApiError } from '../api/http';
import { get_trace } from '../api/tempo';
import { trace_find, trace_overview } from '../api/trace_parts';
import { useClock } from '../app/clock';
import { add_keys } from '../app/keys';
import { count, duration, percent } from '../format/numbers';
import { Copy } from '../parts/copy';
import { ServiceMark, Time } from '../parts/marks';
import { Empty, Failure, Loading, message_of, Partial } from '../parts/states';
import { around, quoted, traceql_of_span } from '../state/pivots';
import { useTitle } from '../parts/title';
import { useUrl } from '../state/url_state';
import { visible_rows } from '../trace/rows';
import { longest_self_time, read_trace, self_time_by_service, span_ms, type Span, type Trace } from '../trace/trace_model';
import { Find } from '../trace/find';
import { Flame } from '../trace/flame';
import { Minimap } from '../trace/minimap';
import { Paths } from '../trace/paths';
import { read_window, window_text, zoomed_window } from '../trace/time_window';
import { Usual } from '../trace/usual';
import { row_span, Waterfall, type TimeWindow } from '../trace/waterfall';
import { LargeTrace } from './large_trace';
import { red_patch, SpanDetails } from './span_details';
import { TraceLogs } from './trace_logs';
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
  if (error instanceof ApiError && error.status === 400) {
    return (
      <Empty title="This is no trace id.">
        <p class="t2"><span class="mono"><bdi>{id.slice(0, 100)}</bdi></span>: a trace id has up to 32 digits, 0 to 9 and a to f, not all of them zero.</p>
        <p><Link class="btn" href={url.to('/traces')}>Search traces</Link></p>
      </Empty>
    );
  }
  if (error) return <Failure error={error} what="The trace" retry={reload} />;
  if (!trace) return <Loading on what={`trace ${id.slice(0, 8)}`} />;
  return <Loaded key={`${trace.trace_id} ${trace.spans.length}`} trace={trace} now_ms={clock.now_ms} reload={reload} />;
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
  const view = useMemo(() => read_window(url.option('win'), trace.duration_ns), [url.option('win'), trace]);
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
  const set_window = (next: TimeWindow | null) => url.set_option('win', window_text(next), { replace: true });
  const zoom = (factor: number) => {
    const middle = chosen.start_ns + chosen.duration_ns / 2;
    set_window(zoomed_window(view, middle, factor, trace.duration_ns));
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
  useTitle(`${root.name || '(no name)'}, ${duration(trace.duration_ns / 1e9)}`);
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
          <span class="row"><span class="mono t3 ell" title="Trace id">{trace.trace_id}</span><Copy text={trace.trace_id} what="trace id" /></span>
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
          <Link class="btn sm" href={url.to('/services', { q: `{ trace:id = ${quoted(trace.trace_id)} }`, ...around(start_ms, 1000, 1000 + trace.duration_ns / 1e6) })} title="Who called whom in this trace">Map</Link>
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
