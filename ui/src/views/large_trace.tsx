// A trace too large to be sent whole: what is shown of it is asked for part by part. Level of detail: the strip on top shows
// all of it, the tree below opens level by level, and lists (what was found, what failed, the critical path, equal paths
// together) are made by the server. URL: at = chosen span, v=win:from-to, v=list:critical|failed|flame|paths, v=find:text.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { trace_span, trace_timeline, trace_way, type PartSpan, type SpanList, type TraceOverview } from '../api/trace_parts';
import { add_keys } from '../app/keys';
import { count, duration, percent } from '../format/numbers';
import { Copy } from '../parts/copy';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { Empty, Failure, Loading, message_of, Partial } from '../parts/states';
import { around, quoted, span_red_queries, traceql_of_span } from '../state/pivots';
import { absolute_range } from '../state/time_range';
import { useTitle } from '../parts/title';
import { useUrl } from '../state/url_state';
import { AttributeList } from '../trace/attributes';
import { Find } from '../trace/find';
import { Flame } from '../trace/flame';
import { bar_of, PageLoader, PartList, tree_rows, type PartBar } from '../trace/part_rows';
import { PartTree, page_size } from '../trace/part_tree';
import { Paths } from '../trace/paths';
import { read_window, window_text, zoomed_window } from '../trace/time_window';
import { SpanExtras } from '../trace/span_extras';
import { Timeline } from '../trace/timeline';
import { Waterfall, type TimeWindow } from '../trace/waterfall';
import css from './trace.module.css';

const opened_levels = 6; // of a chain of only children, when the trace is opened

function read_list(kind: string | null, text: string | null): SpanList | null {
  if (text) return { kind: 'find', text };
  return kind === 'failed' || kind === 'critical' ? { kind } : null;
}

export function LargeTrace({ overview }: { overview: TraceOverview }) {
  const url = useUrl();
  const tree = useRef<PartTree | null>(null);
  tree.current ??= new PartTree(overview.tops);
  const [version, set_version] = useState(0);
  const [error, set_error] = useState<unknown>(null);
  const changed = useCallback(() => set_version((old) => old + 1), []);
  const loader = useMemo(() => new PageLoader(overview, changed, set_error), [overview, changed]);
  useEffect(() => () => loader.end(), [loader]);

  const find = url.option('find');
  const shown = url.option('list');
  const asked = read_list(shown, find);
  const list = useMemo(() => (asked ? new PartList(asked) : null), [JSON.stringify(asked)]);
  useEffect(() => {
    if (list) void list.load(loader, 0, 1);
  }, [list, loader]);

  const at = url.params.get('at');
  const [chosen, set_chosen] = useState<PartSpan | null>(null);
  const choose = (bar: PartBar) => {
    set_chosen(bar.span);
    url.set({ at: bar.span_id }, { replace: true });
  };
  // A span of the address, or of a list, has its place in the tree opened.
  const reveal = async (span_id: string) => {
    try {
      const way = await trace_way(overview, span_id);
      let parent = tree.current!.top;
      for (const { span, place } of way) {
        if (parent.parent) tree.current!.set_open(parent, true);
        parent = tree.current!.add(parent, place, span);
      }
      set_chosen(parent.span);
      changed();
    } catch (failure) {
      set_error(failure);
    }
  };
  useEffect(() => {
    if (at && at !== chosen?.span_id) void reveal(at);
  }, [at]);

  const rows = useMemo(() => (list ? list.rows() : tree_rows(tree.current!)), [list, version]);
  const node = chosen ? tree.current.by_id.get(chosen.span_id) ?? null : null;
  const chosen_row = !list && node ? tree.current.index_of(node) : -1;
  // What is in view is fetched, the first page too. A span that is the only one on its level opens by itself.
  const seen = useCallback((first: number, last: number) => {
    if (list) {
      void list.load(loader, first, last);
      return;
    }
    for (const { parent, page } of tree.current!.missing(first, last)) {
      void loader.page({ kind: 'children', span_id: parent.span?.span_id ?? null }, page, (spans) => {
        const added = spans.map((span, index) => tree.current!.add(parent, page * page_size + index, span));
        if (parent.child_count === 1 && added[0].span!.depth < opened_levels) tree.current!.set_open(added[0], true);
        tree.current!.forget(first, last);
      });
    }
  }, [list, loader]);
  const toggle = (bar: PartBar) => {
    if (!bar.node) return;
    tree.current!.set_open(bar.node, !bar.node.open);
    changed();
  };

  const view = useMemo(() => read_window(url.option('win'), overview.duration_ns), [url.option('win'), overview]);
  const set_window = (next: TimeWindow | null) => url.set_option('win', window_text(next), { replace: true });
  const zoom = (factor: number) => {
    const middle = chosen ? chosen.start_ns + chosen.duration_ns / 2 : (view.from_ns + view.to_ns) / 2;
    set_window(zoomed_window(view, middle, factor, overview.duration_ns));
  };
  const timeline = useQuery({ queryKey: ['trace timeline', overview.trace_id], staleTime: 600_000, queryFn: ({ signal }) => trace_timeline(overview.trace_id, null, 480, 12, signal) });

  const start_ms = Number(overview.start_unix_ns / 1000n) / 1000;
  useEffect(() => add_keys((event) => {
    const move = (to: number) => {
      const row = rows.at(Math.max(0, to));
      if (row?.kind === 'span') choose(row.span);
    };
    switch (event.key) {
      case 'ArrowDown': case 'j': move(chosen_row + 1); break;
      case 'ArrowUp': case 'k': move(chosen_row - 1); break;
      case 'ArrowLeft':
        if (node?.open) toggle(bar_of(node.span!, node));
        else if (node?.parent?.span) choose(bar_of(node.parent.span, node.parent));
        break;
      case 'ArrowRight':
        if (node && !node.open) toggle(bar_of(node.span!, node));
        else move(chosen_row + 1);
        break;
      case '+': case '=': zoom(0.5); break;
      case '-': zoom(2); break;
      case 'l': url.go('/logs', { trace: overview.trace_id, ...around(start_ms, 1000, 1000 + overview.duration_ns / 1e6) }); break;
      case 'Escape': set_window(null); break;
      default: return false;
    }
    return true;
  }));

  const set_list = (next: string | null) => url.set({ v: [...url.params.getAll('v').filter((one) => !/^(list|find):/.test(one)), ...(next ? [next] : [])] }, { replace: true });
  const total_self = overview.services.reduce((sum, { self_ns }) => sum + self_ns, 0) || 1;
  const top = tree.current.top.children.get(0)?.span;
  useTitle(`${top?.name || overview.trace_id.slice(0, 8)}, ${duration(overview.duration_ns / 1e9)}`);
  const kinds: [string | null, string][] = [[null, 'Tree'], ['critical', 'Critical path'], ['failed', `Failed ${count(overview.errors)}`], ['flame', 'Flame'], ['paths', 'Equal paths together']];
  return (
    <div class={css.view} data-large-trace={overview.spans}>
      <section class={`panel ${css.main}`} aria-label="Waterfall">
        <div class={css.head}>
          <h2 class="row">{top && <><ServiceMark name={top.service} plain /><bdi class="ell">{top.name}</bdi></>}</h2>
          <b class="num">{duration(overview.duration_ns / 1e9)}</b>
          {overview.errors > 0 ? <span class="tag crit"><span class="crit">▲ {count(overview.errors)} failed</span></span> : <span class="tag ok"><span class="ok">● no failures</span></span>}
          <span class="t2">{count(overview.spans)} spans · {count(overview.services.length)} {overview.services.length === 1 ? 'service' : 'services'} · depth {count(overview.levels)}</span>
          <span class="grow" />
          <span class="t2"><Time ms={start_ms} millis with_day /></span>
          <span class="row"><span class="mono t3 ell" title="Trace id">{overview.trace_id}</span><Copy text={overview.trace_id} what="trace id" /></span>
        </div>
        {overview.tops > 1 && <Partial>{count(overview.tops)} spans have no parent here.</Partial>}
        {timeline.data ? <Timeline overview={overview} timeline={timeline.data} window={view} choose={set_window} /> : <div style={{ height: '64px' }}>{timeline.error && <p class="t2 s">{message_of(timeline.error)}</p>}</div>}
        <div class={css.tools}>
          <Find text={find ?? ''} ask={(text) => set_list(text === '' ? null : `find:${text}`)} />
          <div class="group" role="group" aria-label="What of the trace">
            {kinds.map(([kind, text]) => {
              const on = !find && shown === kind;
              return <button key={text} type="button" class={`btn sm${on ? ' on' : ''}`} aria-pressed={on} onClick={() => set_list(kind && `list:${kind}`)}>{text}</button>;
            })}
          </div>
          <Link class="btn sm" href={url.to('/services', { q: `{ trace:id = ${quoted(overview.trace_id)} }`, ...around(start_ms, 1000, 1000 + overview.duration_ns / 1e6) })} title="Who called whom in this trace">Map</Link>
          {url.option('win') && <button type="button" class="btn sm" onClick={() => set_window(null)}>Whole trace</button>}
          {list?.known && <span class="t2" role="status">{count(list.total)} spans</span>}
          <span class="grow" />
          {overview.services.slice(0, 4).map(({ name, self_ns }) => <span class="row" key={name}><ServiceMark name={name} /><b class="num">{percent(self_ns / total_self)}</b></span>)}
        </div>
        {error !== null && <Failure error={error} what="A part of the trace" retry={() => {
          set_error(null);
          changed();
        }} />}
        {shown === 'paths' && !find ? <Paths trace_id={overview.trace_id} />
          : shown === 'flame' && !find ? <Flame trace_id={overview.trace_id} />
          : list?.known && list.total === 0 ? <Empty title={asked?.kind === 'find' ? 'No span of this trace fits.' : 'There are none.'} />
          : <Waterfall rows={rows} window={view} chosen={chosen ? bar_of(chosen, list ? null : node) : null} chosen_row={chosen_row} lit_ns={null} left_share={window.innerWidth < 760 ? 0.62 : 0.42}
              is_open={(bar) => bar.node?.open ?? true} choose={choose} toggle={toggle} seen={seen} />}
      </section>
      <div class={css.side}>
        {chosen ? <PartDetails key={chosen.span_id} span={chosen} overview={overview} in_list={list !== null} show={() => {
          set_list(null);
          void reveal(chosen.span_id);
        }} /> : <Services overview={overview} />}
      </div>
    </div>
  );
}

function Services({ overview }: { overview: TraceOverview }) {
  const total = overview.services.reduce((sum, { self_ns }) => sum + self_ns, 0) || 1;
  return (
    <Panel title="Services" side={<span class="t3 s">by self time</span>}>
      <div class="table-scroll"><table>
        <thead><tr><th scope="col">Service</th><th scope="col" class="r">Spans</th><th scope="col" class="r">Failed</th><th scope="col" class="r">Self time</th></tr></thead>
        <tbody>{overview.services.slice(0, 100).map(({ name, spans, errors, self_ns }) => (
          <tr key={name}><td><ServiceMark name={name} /></td><td class="r num">{count(spans)}</td><td class="r num">{count(errors)}</td><td class="r num">{percent(self_ns / total)}</td></tr>
        ))}</tbody>
      </table></div>
    </Panel>
  );
}

function PartDetails({ span, overview, in_list, show }: { span: PartSpan; overview: TraceOverview; in_list: boolean; show(): void }) {
  const url = useUrl();
  const stored = useQuery({ queryKey: ['trace span', overview.trace_id, span.span_id], staleTime: 600_000, queryFn: ({ signal }) => trace_span(overview.trace_id, span.span_id, signal) });
  const at_ms = Number(overview.start_unix_ns / 1000n) / 1000 + span.start_ns / 1e6;
  const range = absolute_range(at_ms - 900_000, at_ms + span.duration_ns / 1e6 + 900_000);
  const narrow = absolute_range(at_ms - 1000, at_ms + span.duration_ns / 1e6 + 1000);
  const whole = stored.data;
  return (
    <Panel title={<span class="row"><ServiceMark name={span.service} plain /><bdi class="ell" title={span.name}>{span.name || '(no name)'}</bdi></span>} side={<span class="t3 s ell" title={span.service}><bdi>{span.service}</bdi>{whole && ` · ${whole.kind}`}</span>}>
      <div class={css.figures}>
        <div><span>duration</span><b>{duration(span.duration_ns / 1e9)}</b></div>
        <div><span>self time</span><b>{duration(span.self_ns / 1e9)}</b></div>
        <div><span>of the trace</span><b>{percent(span.duration_ns / Math.max(1, overview.duration_ns))}</b></div>
        <div><span>spans below</span><b>{count(span.subtree_spans - 1)}</b></div>
      </div>
      {span.is_critical && <p class="s" style={{ padding: '0 12px' }}><span class="tag n">On the critical path</span></p>}
      {span.failed && <p class="s" style={{ padding: '4px 12px 0' }}><span class="tag crit"><span class="crit">▲ Failed</span></span> <bdi>{whole?.status_message}</bdi></p>}
      {!span.failed && span.subtree_errors > 0 && <p class="s t2" style={{ padding: '4px 12px 0' }}>{count(span.subtree_errors)} below it failed.</p>}
      <div class={css.actions}>
        {in_list && <button type="button" class="btn sm" onClick={show}>Show in the tree</button>}
        <Link class="btn sm" href={url.to('/metrics', { q: span_red_queries(span.service, span.name, '1m'), ...around(at_ms, 900_000), at: String(Math.round(at_ms)), v: ['mark:this span'] })}>Rate, errors, p99</Link>
        <Link class="btn sm" href={url.to('/logs', { trace: overview.trace_id, span: span.span_id, ...narrow })}>Logs of the span</Link>
        <Link class="btn sm" href={url.to('/traces', { q: traceql_of_span(span.service, span.name), ...range })}>Same span elsewhere</Link>
      </div>
      <Loading on={stored.isPending} what="the span" />
      {stored.error && <Failure error={stored.error} what="The span" retry={() => void stored.refetch()} />}
      {whole && <AttributeList title="Attributes" attributes={whole.attributes} scope="span" range={range} open />}
      {whole && <AttributeList title="Resource" attributes={whole.resource} scope="resource" range={range} />}
      {whole && <SpanExtras span={whole} range={range} />}
      <div class={css.attrs}><dl><dt>started</dt><dd>+{duration(span.start_ns / 1e9)} · <Time ms={at_ms} millis /></dd><dt>span id</dt><dd>{span.span_id}<Copy text={span.span_id} what="span id" /></dd></dl></div>
    </Panel>
  );
}
