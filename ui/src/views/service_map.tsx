// Services as a map (who calls whom, left to right) and as a table. An edge leads to its traces, metrics and lines.
// The whole graph comes from the metrics that the server derives from spans as they arrive; with a TraceQL search (q) it is
// counted from the stored spans: exact, for any search and any past range. URL: at = "client→server" or a service; v=as:table.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { health, service_edges, service_reds, type Edge, type ServiceRed } from '../api/red';
import { stored_graph } from '../api/service_graph';
import { search_traces } from '../api/tempo';
import { useClock, useRange } from '../app/clock';
import { service_color } from '../format/colors';
import { count, duration, percent, rate } from '../format/numbers';
import { ns_to_ms } from '../format/time';
import { traceql_completions } from '../parts/completions';
import { Editor } from '../parts/editor';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { Empty, Failure, Loading, message_of, Partial, query_complaint } from '../parts/states';
import { edge_red_queries, quoted, regex_quoted, span_red_queries, traceql_of_edge, traceql_of_service, untraced_client } from '../state/pivots';
import { rate_window, step_seconds } from '../state/time_range';
import { useUrl } from '../state/url_state';
import css from './service_map.module.css';

const node_size = { width: 184, height: 78 };
const map_nodes_max = 150;
const slowest_shown = 8;
const traceql = traceql_completions();

interface Placed {
  nodes: { name: string; x: number; y: number }[];
  edges: { edge: Edge; points: { x: number; y: number }[] }[];
  width: number;
  height: number;
}

async function place(names: string[], edges: Edge[]): Promise<Placed> {
  const dagre = await import('@dagrejs/dagre');
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 42, ranksep: 180, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names) graph.setNode(name, { ...node_size });
  for (const edge of edges) if (edge.client !== edge.server) graph.setEdge(edge.client, edge.server);
  dagre.layout(graph);
  const { width = 400, height = 200 } = graph.graph();
  return {
    nodes: names.map((name) => ({ name, x: graph.node(name).x, y: graph.node(name).y })),
    edges: edges.filter((edge) => edge.client !== edge.server).map((edge) => {
      const [from, to] = [graph.node(edge.client), graph.node(edge.server)];
      const side = from.x <= to.x ? 1 : -1; // a call back to the left leaves on the left
      return { edge, points: [{ x: from.x + (side * node_size.width) / 2, y: from.y }, { x: to.x - (side * node_size.width) / 2, y: to.y }] };
    }),
    width, height,
  };
}

function edge_key(edge: Edge): string {
  return `${edge.client}→${edge.server}`;
}

export default function ServiceMap() {
  const url = useUrl();
  const clock = useClock();
  const q = url.params.get('q') ?? '';
  const range = useRange();
  const stored = useQuery({ queryKey: ['stored graph', q, range.from_ms, range.to_ms], enabled: q !== '', placeholderData: keepPreviousData, retry: false, queryFn: ({ signal }) => stored_graph(q, range, signal) });
  return (
    <>
      <Editor language="traceql" value={q} completions={traceql} label="Only calls that this TraceQL search finds" placeholder='All calls. Or only those of a search: { resource.service.name = "shop" && status = error }'
        error={q === '' ? null : query_complaint(stored.error)} run={(text) => {
          url.set({ q: text.trim() === '' ? null : text });
          clock.refresh();
        }} />
      {q === '' ? <StreamedGraph /> : stored.error ? <Empty title="The calls could not be counted."><p class="t2">{message_of(stored.error)}</p></Empty> : !stored.data ? <Loading on what="the map" /> : (
        <>
          {stored.data.partial && <Partial>{stored.data.partial}</Partial>}
          {stored.data.edges.length === 0
            ? <Empty title="No call between services is in the spans this search finds."><p class="row wrap"><button type="button" class="btn" onClick={() => url.set({ q: null })}>All calls</button><Link class="btn" href={url.to('/traces', { q })}>Its traces</Link></p></Empty>
            : <GraphView all={stored.data.edges} reds={new Map(stored.data.nodes.filter(({ rate: per_second }) => per_second > 0).map(({ service, rate: per_second, errors }) => [service, { service, rate: per_second, errors, p50: NaN, p99: NaN }]))} window={rate_window(range)}
                source={`counted from stored spans${stored.data.unpaired > 0 ? `; ${count(stored.data.unpaired)} spans lack the other side` : ''}`} />}
        </>
      )}
    </>
  );
}

function StreamedGraph() {
  const url = useUrl();
  const range = useRange();
  const window = rate_window(range);
  const services = useQuery({ queryKey: ['reds', range.from_ms, range.to_ms], placeholderData: keepPreviousData, queryFn: ({ signal }) => service_reds(range, step_seconds(range, 60), window, signal) });
  const edges = useQuery({ queryKey: ['edges', range.from_ms, range.to_ms], placeholderData: keepPreviousData, queryFn: ({ signal }) => service_edges(range, signal) });
  const reds = useMemo(() => new Map((services.data ?? []).map((one) => [one.service, one])), [services.data]);
  const error = edges.error ?? services.error;
  if (error && !edges.data) return <Failure error={error} what="The map" retry={() => { void edges.refetch(); void services.refetch(); }} />;
  if (!edges.data || !services.data) return <Loading on what="the map" />;
  if (edges.data.length === 0 && reds.size === 0) {
    return <Empty title="No calls between services were traced in this range."><p class="t2">The map is drawn from spans: two services appear when a client's span and the server's span of one trace have both arrived.</p>
      <p><button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button></p></Empty>;
  }
  return <GraphView all={edges.data} reds={reds} window={window} source="from the metrics of all spans, means over the range" />;
}

type NodeRed = Omit<ServiceRed, 'rate_series' | 'error_series' | 'p99_series'>;

function GraphView({ all, reds, window, source }: { all: Edge[]; reds: Map<string, NodeRed>; window: string; source: string }) {
  const url = useUrl();
  const table = url.option('as') === 'table';
  const names = useMemo(() => [...new Set([...all.flatMap(({ client, server }) => [client, server]), ...reds.keys()])].sort(), [all, reds]);
  const at = url.params.get('at');
  const chosen = all.find((edge) => edge_key(edge) === at);
  const [placed, set_placed] = useState<Placed | null>(null);
  const shape = JSON.stringify([names, all.map(edge_key).sort()]);
  useEffect(() => {
    let gone = false;
    if (names.length > 0 && names.length <= map_nodes_max) void place(names, [...all].sort((left, right) => edge_key(left).localeCompare(edge_key(right)))).then((next) => gone || set_placed(next));
    return () => {
      gone = true;
    };
  }, [shape]);
  const choose = (key: string) => url.set({ at: key === at ? null : key }, { replace: true });
  const too_many = names.length > map_nodes_max;
  return (
    <div class={css.view}>
      <Panel class="fill" title={<span class="group" role="group" aria-label="Show as">
        {['map', 'table'].map((one) => <button key={one} type="button" class={`btn sm${(table || too_many ? 'table' : 'map') === one ? ' on' : ''}`} aria-pressed={(table ? 'table' : 'map') === one} onClick={() => url.set_option('as', one === 'table' ? 'table' : null, { replace: true })}>{one === 'map' ? 'Map' : 'Table'}</button>)}</span>}
        side={<span class="t3 s">{count(names.length)} services, {count(all.length)} calls, {source} · width is rate, colour is failures</span>}>
        {too_many && <p class="s t2 pad">More than {map_nodes_max} services: shown as a table.</p>}
        {table || too_many ? <EdgeTable edges={all} at={at} choose={choose} /> : placed && <Graph placed={placed} edges={all} reds={reds} at={at} choose={choose} />}
      </Panel>
      {chosen ? <EdgeDetails edge={chosen} window={window} /> : at && names.includes(at) ? <ServiceDetails name={at} red={reds.get(at)} window={window} edges={all} choose={choose} />
        : <div class="panel"><Empty title="Choose a call or a service."><p class="t2">A call leads to its traces, slowest first, to its rate, failures and p99, and to the lines of both ends. Tab walks the map, Enter chooses.</p></Empty></div>}
    </div>
  );
}

function Graph({ placed, edges, reds, at, choose }: { placed: Placed; edges: Edge[]; reds: Map<string, NodeRed>; at: string | null; choose(key: string): void }) {
  const most = Math.max(...edges.map((one) => one.rate), 1e-9);
  const present = new Map(edges.map((one) => [edge_key(one), one]));
  const key_chooses = (key: string) => (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    choose(key);
  };
  return (
    <div class={css.canvas} tabIndex={0} role="group" aria-label="Map of the services and the calls between them">
      <svg width={placed.width} height={placed.height} viewBox={`0 0 ${placed.width} ${placed.height}`} class={css.map}>
        <defs>{['ok', 'warn', 'crit'].map((one) => <marker key={one} id={`arrow-${one}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" class={css[`fill_${one}`]} /></marker>)}</defs>
        {placed.edges.map(({ edge: old, points }) => {
          const edge = present.get(edge_key(old)) ?? old;
          const key = edge_key(edge);
          const state = health(edge.errors);
          const [first, ...rest] = points;
          const last = rest[rest.length - 1];
          const path = `M${first.x} ${first.y}C${(first.x + last.x) / 2} ${first.y} ${(first.x + last.x) / 2} ${last.y} ${last.x - 2} ${last.y}`;
          const middle = { x: (first.x + last.x) / 2, y: (first.y + last.y) / 2 };
          return (
            <g key={key} role="button" tabIndex={0} class={`${css.edge} ${key === at ? css.chosen : ''}`} aria-pressed={key === at} data-edge={key} onClick={() => choose(key)} onKeyDown={key_chooses(key)}>
              <text class={css.spoken} x={middle.x} y={middle.y}>{`${edge.client} calls ${edge.server}, p99 ${duration(edge.p99)} `}</text><path d={path} class={css.hit} /><path d={path} class={`${css.line} ${css[`line_${state}`]}`} style={{ strokeWidth: `${1.5 + 4 * Math.sqrt(edge.rate / most)}px` }} marker-end={`url(#arrow-${state})`} />
              <rect x={middle.x - 46} y={middle.y - 18} width="92" height="36" rx="4" class={css.label} />
              <text x={middle.x} y={middle.y - 4} text-anchor="middle" class={css.strong}>{rate(edge.rate)}</text>
              <text x={middle.x} y={middle.y + 11} text-anchor="middle" class={state === 'ok' ? '' : css[`text_${state}`]}>{state === 'ok' ? `p99 ${duration(edge.p99)}` : `▲ ${percent(edge.errors)} fail`}</text>
            </g>
          );
        })}
        {placed.nodes.map(({ name, x, y }) => {
          const red = reds.get(name);
          const state = red ? health(red.errors) : 'ok';
          return (
            <g key={name} role="button" tabIndex={0} class={`${css.node} ${css[`node_${state}`]} ${name === at ? css.chosen : ''}`} transform={`translate(${x - node_size.width / 2} ${y - node_size.height / 2})`} aria-pressed={name === at} onClick={() => choose(name)} onKeyDown={key_chooses(name)}>
              <rect width={node_size.width} height={node_size.height} rx="6" /><rect class={css.stripe} y="10" width="4" height="22" style={{ fill: service_color(name) }} />
              <text x="14" y="25" class={css.name}>{name.length > 22 ? `${name.slice(0, 21)}…` : name}</text>
              <text x={node_size.width - 12} y="25" text-anchor="end" class={css[`text_${state}`]}>{state === 'ok' ? '●' : '▲'}</text>
              {red ? <><text x="14" y="46">{rate(red.rate)} · {percent(red.errors)} fail</text>{Number.isFinite(red.p99) && <text x="14" y="64" class={css.strong}>p99 {duration(red.p99)}</text>}</> : <text x="14" y="46">{name === untraced_client ? 'callers without traces' : 'only makes calls'}</text>}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function EdgeTable({ edges, at, choose }: { edges: Edge[]; at: string | null; choose(key: string): void }) {
  const sorted = [...edges].sort((left, right) => right.errors - left.errors || right.p99 - left.p99);
  return (
    <div class="table-scroll"><table>
      <thead><tr><th scope="col">Client</th><th scope="col">Server</th><th scope="col" class="r">Rate</th><th scope="col" class="r">Failed</th><th scope="col" class="r">p50</th><th scope="col" class="r">p99</th></tr></thead>
      <tbody>{sorted.map((edge) => (
        <tr key={edge_key(edge)} class={edge_key(edge) === at ? 'on' : ''}><td><button type="button" class="link" onClick={() => choose(edge_key(edge))}><ServiceMark name={edge.client} /></button></td><td><ServiceMark name={edge.server} /></td>
          <td class="r num">{rate(edge.rate)}</td><td class={`r num ${health(edge.errors) === 'ok' ? '' : health(edge.errors)}`}>{percent(edge.errors)}</td><td class="r num">{duration(edge.p50)}</td><td class="r num b">{duration(edge.p99)}</td></tr>
      ))}</tbody></table></div>
  );
}

function Figures({ red }: { red: { rate: number; errors: number; p50: number; p99: number } }) {
  return (
    <div class={css.figures}><div><span>rate</span><b>{rate(red.rate)}</b></div><div><span>failed</span><b class={health(red.errors) === 'ok' ? '' : health(red.errors)}>{percent(red.errors)}</b></div>
      <div><span>p50</span><b>{duration(red.p50)}</b></div><div><span>p99</span><b>{duration(red.p99)}</b></div></div>
  );
}

function EdgeDetails({ edge, window }: { edge: Edge; window: string }) {
  const url = useUrl();
  const q = traceql_of_edge(edge.client, edge.server);
  const both = edge.client === untraced_client ? `{service_name=${quoted(edge.server)}}` : `{service_name=~${quoted(`${regex_quoted(edge.client)}|${regex_quoted(edge.server)}`)}}`;
  return (
    <Panel title={<span class="row"><ServiceMark name={edge.client} /><span class="t3">calls</span><ServiceMark name={edge.server} /></span>}>
      <Figures red={edge} />
      {edge.requests !== undefined && <p class="s t2" style={{ padding: '4px 12px 0' }}>{count(edge.requests)} calls of the search, exactly. {edge.slowest_trace_id && <Link class="link acc" href={url.to(`/traces/${edge.slowest_trace_id}`, { at: null, v: [], q: null })}>The slowest of them</Link>}</p>}
      <div class="row wrap pad">
        <Link class="btn pri sm" href={url.to('/traces', { q, v: ['sort:duration'] })}>Traces of this call</Link>
        <Link class="btn sm" href={url.to('/metrics', { q: edge_red_queries(edge.client, edge.server, window) })}>Rate, errors, p99</Link>
        <Link class="btn sm" href={url.to('/logs', { q: both })}>Logs of both</Link>
      </div>
      <SlowTraces q={q} />
    </Panel>
  );
}

function ServiceDetails({ name, red, window, edges, choose }: { name: string; red: NodeRed | undefined; window: string; edges: Edge[]; choose(key: string): void }) {
  const url = useUrl();
  const own = edges.filter((edge) => edge.client === name || edge.server === name);
  return (
    <Panel title={<ServiceMark name={name} />}>
      {red && <Figures red={red} />}
      <div class="row wrap pad">
        <Link class="btn pri sm" href={url.to('/traces', { q: traceql_of_service(name), v: ['sort:duration'] })}>Its traces</Link>
        <Link class="btn sm" href={url.to('/metrics', { q: span_red_queries(name, null, window) })}>Rate, errors, p99</Link>
        <Link class="btn sm" href={url.to('/logs', { q: `{service_name=${quoted(name)}}` })}>Its logs</Link>
      </div>
      <ul class={css.list}>{own.map((edge) => <li key={edge_key(edge)}><button type="button" class="link acc s" onClick={() => choose(edge_key(edge))}>{edge.client} → {edge.server}</button> <span class="t2 s">{rate(edge.rate)}, p99 {duration(edge.p99)}</span></li>)}</ul>
      <SlowTraces q={traceql_of_service(name)} />
    </Panel>
  );
}

function SlowTraces({ q }: { q: string }) {
  const url = useUrl();
  const range = useRange();
  const answer = useQuery({ queryKey: ['slow traces', q, range.from_ms, range.to_ms], placeholderData: keepPreviousData, queryFn: ({ signal }) => search_traces(q, range, slowest_shown, 'slowest', signal) });
  const slowest = answer.data?.traces ?? [];
  if (answer.error) return <p class="s crit pad pre">▲ {message_of(answer.error)}</p>;
  return (
    <table><caption class={css.caption}>Slowest traces of the whole range</caption>
      <tbody>{slowest.map((trace) => (
        <tr key={trace.traceID}><td class="mono" style={{ width: '90px' }}><Time ms={ns_to_ms(trace.startTimeUnixNano)} /></td><td><bdi>{trace.rootTraceName}</bdi></td><td class="r num b" style={{ width: '80px' }}>{duration((trace.durationMs ?? 0) / 1000)}</td>
          <td class="r" style={{ width: '60px' }}><Link class="link acc" href={url.to(`/traces/${trace.traceID.padStart(32, '0')}`, { at: null, v: [] })} aria-label={`Open trace ${trace.traceID.slice(0, 8)}`}>Open</Link></td></tr>
      ))}</tbody></table>
  );
}
