// Metrics: queries (q, repeated), their chart with exemplars, the legend table. Options: v=log:1, v=hide:exemplars.
import { useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import uFuzzy from '@leeoniya/ufuzzy';
import { Link } from 'wouter';
import { label_values, metadata, query_exemplars, query_range, rules, type Exemplar, type Labels } from '../api/prometheus';
import { Cancelled } from '../api/running';
import { useClock, useRange } from '../app/clock';
import { slot_of } from '../format/colors';
import { count, unit_of_query, with_unit } from '../format/numbers';
import { Editor } from '../parts/editor';
import { promql_completions } from '../parts/completions';
import { Legend } from '../parts/legend';
import { LineChart, type ChartSeries } from '../parts/line_chart';
import { Panel, Time } from '../parts/marks';
import { Empty, Failure, Loading, NotRun, Partial, query_complaint } from '../parts/states';
import { around, equal_matchers_in, histograms_in, metric_names_in, quoted, recorded_expressions, selector, service_of } from '../state/pivots';
import { nearest } from '../state/nearest';
import { absolute_range, rate_window, scale_range, step_seconds } from '../state/time_range';
import { useUrl } from '../state/url_state';
import css from './metrics.module.css';

const series_drawn_max = 100;
const constant = /^[\d\s.+\-*/()eE]+$/;

export function series_name(labels: Labels, common: Set<string>): string {
  const { __name__: name = '', ...rest } = labels;
  const own = Object.entries(rest).filter(([label]) => !common.has(label));
  const text = own.map(([label, value]) => `${label}="${value}"`).join(', ');
  if (text === '') return name || (Object.keys(rest).length > 0 ? selector(rest) : '(no labels)');
  return `${name}{${text}}`;
}

// Label names whose value is the same in all series: of no use in a legend.
export function common_labels(all: Labels[]): Set<string> {
  if (all.length < 2) return new Set();
  return new Set(Object.keys(all[0]).filter((name) => name !== '__name__' && all.every((labels) => labels[name] === all[0][name])));
}

// One service's colour when every series has a service of its own; otherwise colours in order, so that all differ.
export function assign_slots(all: Labels[]): number[] {
  const slots = all.map((labels) => slot_of(service_of(labels) ?? ''));
  const services = new Set(all.map((labels) => service_of(labels)));
  if (services.size === all.length && !services.has(null) && new Set(slots).size === slots.length) return slots;
  const taken = new Set<number>();
  const given = new Set<string | null>();
  return all.map((labels, index) => {
    const service = service_of(labels);
    let slot = slots[index];
    if (service === null || given.has(service) || taken.has(slot)) {
      slot = 1;
      while (taken.has(slot)) slot++;
    }
    given.add(service);
    taken.add(slot);
    return slot;
  });
}

const promql = promql_completions();

export default function Metrics() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const queries = url.params.getAll('q');
  const step = step_seconds(range, 300);
  const log = url.option('log') === '1';
  const show_exemplars = url.option('exemplars') !== '0';
  const [solo, set_solo] = useState<number | null>(null);

  const results = useQueries({
    queries: queries.map((query) => ({
      queryKey: ['range', query, range.from_ms, range.to_ms, step], placeholderData: keepPreviousData, enabled: query.trim() !== '',
      queryFn: ({ signal }: { signal: AbortSignal }) => query_range(query, range, step, signal),
    })),
  });
  const groups = useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => rules(signal), enabled: queries.length > 0 });
  const recorded = useMemo(() => {
    const all = (groups.data ?? []).flatMap((group) => group.rules).filter((rule) => !rule.language);  // those in PromQL
    return queries.flatMap((query) => recorded_expressions(query, all));
  }, [groups.data, queries.join('\n')]);
  // A ratio of good to all reads one bucket only; its histogram's other buckets hold the exemplars that explain it.
  const sources = useMemo(() => [...new Set([...queries.filter((query) => !constant.test(query)),
    ...recorded.flatMap(({ query }) => histograms_in(query).map(({ name, labels }) => `${name}_bucket${selector(labels)}`))])], [queries.join('\n'), recorded]);
  const exemplar_results = useQueries({
    queries: sources.map((query) => ({
      queryKey: ['exemplars', query, range.from_ms, range.to_ms], placeholderData: keepPreviousData, enabled: show_exemplars && query.trim() !== '',
      queryFn: ({ signal }: { signal: AbortSignal }) => query_exemplars(query, range, signal),
    })),
  });
  const exemplars = useMemo(() => {
    const seen = new Set<string>();
    return exemplar_results.flatMap(({ data }) => data ?? []).filter((one) => {
      const key = `${one.trace_id} ${one.time_s} ${one.value} ${one.series.__name__}`;
      return one.trace_id !== null && !seen.has(key) && seen.add(key);
    });
  }, [exemplar_results.map(({ dataUpdatedAt }) => dataUpdatedAt).join()]);

  const answered = useMemo(() => {
    const flat = results.flatMap(({ data }, index) => (data?.series ?? []).map((one) => ({ ...one, query: queries[index] })));
    const all = flat.map(({ labels }) => labels);
    const common = common_labels(all.filter((_, index) => !constant.test(flat[index].query)));
    const slots = assign_slots(all);
    return flat.map((one, index): ChartSeries & { query: string } => {
      const threshold = constant.test(one.query);
      return { ...one, threshold, slot: slots[index], name: threshold ? `threshold ${one.query.trim()}` : series_name(one.labels, common) };
    });
  }, [results.map(({ dataUpdatedAt }) => dataUpdatedAt).join(), queries.join('\n')]);

  // When a query fails, what was shown before stays, and says that it is old.
  const failed = results.some((one) => one.error !== null && !(one.error instanceof Cancelled));
  const before = useRef(answered);
  if (answered.length > 0 && !failed) before.current = answered;
  const old = failed && answered.length === 0 && before.current.length > 0;
  const found = old ? before.current : answered;

  const drawn = useMemo(() => {
    if (found.length <= series_drawn_max) return found;
    const last = (one: ChartSeries) => one.values.at(-1) ?? -Infinity;
    return [...found].sort((left, right) => last(right)! - last(left)!).slice(0, series_drawn_max);
  }, [found]);

  const query_of = useMemo(() => new Map<ChartSeries, string>(found.map((one) => [one, one.query])), [found]);
  const main_query = queries.find((query) => !constant.test(query)) ?? '';
  const unit = unit_of_query(main_query);
  const on_scale = unit === 'seconds' && /histogram_quantile|_bucket|_sum|_count/.test(main_query);
  const error = results.map((one) => one.error).find((one) => one !== null) ?? null;
  const failed_index = results.findIndex((one) => one.error !== null);
  const loading = results.some(({ isFetching }) => isFetching);
  const warnings = [...new Set(results.flatMap(({ data }) => data?.warnings ?? []))];
  const window = rate_window(range);
  const at_ms = url.params.get('at') ? Number(url.params.get('at')) : null;
  const marks = useMemo(() => (at_ms ? [{ time_s: at_ms / 1000, text: url.option('mark') ?? 'here' }] : []), [at_ms]);

  const run = (index: number, text: string) => {
    const next = [...queries];
    next[index] = text;
    set_solo(null);
    url.set({ q: next.filter((one) => one.trim() !== ''), live: undefined });
    clock.refresh();
  };
  const zoom = (from_ms: number, to_ms: number) => url.set({ ...absolute_range(from_ms, to_ms), live: null });
  const exemplar_link = (exemplar: Exemplar) =>
    url.to(`/traces/${exemplar.trace_id}`, around(exemplar.time_s * 1000, 900_000));
  const exemplar_slot = (exemplar: Exemplar) =>
    found.find((one) => Object.entries(one.labels).length > 0 && Object.entries(one.labels).every(([name, value]) => name === '__name__' || exemplar.series[name] === value))?.slot
      ?? slot_of(service_of(exemplar.series) ?? '');

  const histograms = [...new Map([main_query, ...recorded.map(({ query }) => query)].flatMap(histograms_in).map((one) => [`${one.name} ${JSON.stringify(one.labels)}`, one])).values()];
  const shown = queries.length === 0 ? [''] : queries;

  return (
    <div class={css.view}>
      <Browser choose={(text) => run(0, text)} window={window} />
      <div class="col">
        <div class={css.queries}>
          {shown.map((query, index) => (
            <Editor key={`${index}`} language="promql" value={query} run={(text) => run(index, text)} completions={promql} label={`PromQL query ${index + 1}`}
              placeholder="PromQL, for example sum by (service) (rate(traces_spanmetrics_calls_total[1m]))"
              error={query_complaint(results[index]?.error)} />
          ))}
        </div>
        <div class={css.facts}>
          {!loading && queries.length > 0 && !error && <span><span class="ok">✓</span> {count(found.filter(({ threshold }) => !threshold).length)} series, step {step} s</span>}
          {loading && <span>Running …</span>}
          <span class="grow" />
          {histograms.slice(0, 2).map(({ name, labels }) => {
            const by = ['job', 'service', 'endpoint', 'route', 'span_name'].filter((label) => !/spanmetrics/.test(name) ? !['service', 'span_name', 'route'].includes(label) : ['service', 'span_name'].includes(label));
            const p99 = `histogram_quantile(0.99, sum by (${['le', ...by].join(', ')}) (rate(${name}_bucket[${window}])))`;
            return p99 === main_query ? null
              : <Link key={name + JSON.stringify(labels)} class="btn sm" href={url.to('/metrics', { q: p99, at: url.params.get('at'), v: url.params.getAll('v') })} title={p99}>p99 by operation</Link>;
          })}
          {recorded.length > 0 && <Link class="btn sm" href={url.to('/metrics', { q: recorded.slice(0, 2).map(({ query }) => query.replace(/\s+/g, ' ').trim()) })} title={recorded.map(({ query }) => query).join('\n')}>What it is recorded from</Link>}
          <button type="button" class="btn sm ghost" onClick={() => url.set({ q: [...queries, queries.at(-1) ?? ''] })}>+ Query</button>
        </div>
        {warnings.map((text) => <Partial key={text}>{text}</Partial>)}
        <Loading on={loading && found.length === 0} what="the series" />
        {queries.length === 0 && <Start window={window} />}
        {error !== null && failed_index >= 0 && found.length === 0 && (
          <NotRun error={error} retry={() => void results[failed_index].refetch()} hint="The message under the editor says where. Correct it and press Enter; the range and everything else stays." />
        )}
        {queries.length > 0 && !error && !loading && found.length === 0 && <NoSeries query={main_query} />}
        {found.length > 0 && (
          <>
            <Panel title={queries.filter((query) => !constant.test(query)).length > 1 ? `${queries.length} queries` : 'Values over time'} side={
              <>
                {show_exemplars && <span class="t2 s"><span class="acc">◆</span> Exemplars {count(exemplars.length)}</span>}
                <button type="button" class={`btn sm${show_exemplars ? ' on' : ''}`} aria-pressed={show_exemplars} onClick={() => url.set_option('exemplars', show_exemplars ? '0' : null, { replace: true })}>Exemplars</button>
                <button type="button" class={`btn sm${log ? ' on' : ''}`} aria-pressed={log} onClick={() => url.set_option('log', log ? null : '1', { replace: true })}>Log scale</button>
              </>
            }>
              {old && <Partial>The answer to the query before. The one above could not be run now. <button type="button" class="link acc" onClick={() => void results[failed_index]?.refetch()}>Try again</button></Partial>}
              <div class={old ? 'old' : loading ? 'stale' : ''}>
                <LineChart series={drawn} range={range} unit={unit} height={320} log={log} label={`${drawn.length} series from ${main_query}. The table below has the figures.`}
                  exemplars={show_exemplars ? exemplars : undefined} exemplars_on_scale={on_scale} exemplar_link={exemplar_link} exemplar_slot={exemplar_slot} marks={marks}
                  solo={solo} zoom={zoom} zoom_out={() => url.set(scale_range(url.range, clock.now_ms, 2))} />
              </div>
              {found.length > drawn.length && <Partial>Drawn: the {series_drawn_max} series with the highest last value of {count(found.length)}. <button type="button" class="link acc" onClick={() => run(0, `topk(20, ${main_query})`)}>Use topk(20, …)</button></Partial>}
            </Panel>
            <Legend series={drawn} total={found.length} solo={solo} set_solo={set_solo}
              unit_of={(one) => { const own = unit_of_query(query_of.get(one) ?? ''); return own === 'plain' ? unit : own; }} />
            {show_exemplars && exemplars.length > 0 && <ExemplarTable exemplars={exemplars} link={exemplar_link} />}
          </>
        )}
      </div>
    </div>
  );
}

const exemplar_rows = 50;

// An exemplar's value is one observation, in the unit of its metric, whatever the query makes of it.
function exemplar_unit({ series }: Exemplar): ReturnType<typeof unit_of_query> {
  const name = (series.__name__ ?? '').replace(/_(bucket|count|sum)$/, '');
  return /seconds|latency|duration/.test(name) ? 'seconds' : unit_of_query(name);
}

function ExemplarTable({ exemplars, link }: { exemplars: Exemplar[]; link(exemplar: Exemplar): string }) {
  const highest = [...exemplars].sort((left, right) => right.value - left.value).slice(0, exemplar_rows);
  return (
    <Panel title={`Exemplars, highest first`} side={<span class="t3 s">{highest.length} of {count(exemplars.length)}</span>}>
      <div class={`table-scroll ${css.exemplars}`} tabIndex={0}>
        <table>
          <thead><tr><th scope="col">Time</th><th scope="col" class="r">Value</th><th scope="col" style={{ width: '46%' }}>Series</th><th scope="col">Trace</th></tr></thead>
          <tbody>{highest.map((one, index) => (
            <tr key={index}>
              <td class="mono"><Time ms={one.time_s * 1000} millis /></td><td class="r num b">{with_unit(one.value, exemplar_unit(one))}</td>
              <td class="mono"><bdi>{selector(Object.fromEntries(Object.entries(one.series).filter(([name]) => name !== '__name__')))}</bdi></td>
              <td><Link class="link acc mono" href={link(one)}>{one.trace_id!.slice(0, 8)}</Link></td>
            </tr>
          ))}</tbody>
        </table>
      </div>
    </Panel>
  );
}

// Why nothing came back: the metric is unknown, or one of its matchers removes everything.
function NoSeries({ query }: { query: string }) {
  const url = useUrl();
  const names = useQuery({ queryKey: ['metric names'], queryFn: ({ signal }) => label_values('__name__', undefined, undefined, signal), staleTime: 60_000 });
  const range = useRange();
  const matchers = useMemo(() => equal_matchers_in(query), [query]);
  // Each matcher by itself: one that no series has is what removed everything.
  const values = useQuery({
    queryKey: ['explain metrics', query, range.from_ms, range.to_ms], enabled: matchers.length > 0,
    queryFn: ({ signal }) => Promise.all(matchers.map(async (one) => ({ ...one, values: await label_values(one.label, range, one.metric ?? undefined, signal) }))),
  });
  const unknown = names.data ? metric_names_in(query).filter((name) => !names.data.includes(name)) : [];
  const absent = (values.data ?? []).filter((one) => !one.values.includes(one.value) && !unknown.includes(one.metric ?? ''));
  const near = unknown.length > 0 ? nearest(unknown[0], names.data ?? []) : [];
  return (
    <Empty title="No series in this range.">
      <ul class="t2">
        {unknown.map((name) => <li key={name}>No metric is called <code>{name}</code>.</li>)}
        {near.map((name) => <li key={name}>Nearest: <Link class="link acc mono" href={url.to('/metrics', { q: query.replace(unknown[0], name) })}>{name}</Link></li>)}
        {absent.map(({ metric, label, value, values: there }) => (
          <li key={`${metric} ${label} ${value}`}><code>{label}="{value}"</code>: no series {metric && <>of <code>{metric}</code> </>}has this value here{there.length === 0 ? ', nor any other' : ''}.{' '}
            {nearest(value, there).map((near) => <><button key={near} type="button" class="link acc mono" onClick={() => url.set({ q: url.params.getAll('q').map((one) => one.replace(quoted(value), quoted(near))) })}>Use {near}</button>{' '}</>)}</li>
        ))}
        {unknown.length === 0 && absent.length === 0 && <li>The metrics exist; no series matches all labels, or none has samples here.</li>}
      </ul>
      <p class="row wrap"><button type="button" class="btn" onClick={() => url.set({ from: 'now-6h', to: 'now' })}>Last 6 hours</button>
        {/\{[^}]+\}/.test(query) && <Link class="btn" href={url.to('/metrics', { q: query.replace(/\{[^}]+\}/g, '') })}>Without its label matchers</Link>}</p>
    </Empty>
  );
}

function Start({ window }: { window: string }) {
  const url = useUrl();
  const examples: [string, string][] = [
    ['Requests by service', `sum by (service) (rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[${window}]))`],
    ['p99 by service', `histogram_quantile(0.99, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{span_kind="SPAN_KIND_SERVER"}[${window}])))`],
    ['p99 by route', `histogram_quantile(0.99, sum by (le, job, endpoint) (rate(http_request_duration_seconds_bucket[${window}])))`],
    ['Targets that are up', 'up'],
  ];
  return (
    <Empty title="Choose a metric on the left, or write a query.">
      <p class="t2">Enter runs it. Names and values complete as you type. Or start from one of these:</p>
      <p class="row wrap">{examples.map(([name, query]) => <Link key={name} class="btn" href={url.to('/metrics', { q: query })} title={query}>{name}</Link>)}</p>
    </Empty>
  );
}

function query_for(name: string, type: string | undefined, window: string): string {
  if (name.endsWith('_bucket')) return `histogram_quantile(0.99, sum by (le) (rate(${name}[${window}])))`;
  if (type === 'counter' || /_total$|_count$|_sum$/.test(name)) return `rate(${name}[${window}])`;
  return name.includes('.') || name.includes('-') ? `{${quoted(name)}}` : name;
}

const names_shown_max = 400;
const name_tail = 15; // names that begin alike are told apart by their ends: _p99_seconds, _bucket

function Browser({ choose, window }: { choose(query: string): void; window: string }) {
  const [text, set_text] = useState('');
  const range = useRange();
  const minute = Math.floor(range.to_ms / 60_000);
  const names = useQuery({ queryKey: ['metric names', Math.floor(range.from_ms / 60_000), minute], placeholderData: keepPreviousData, queryFn: ({ signal }) => label_values('__name__', range, undefined, signal), staleTime: 60_000 });
  const types = useQuery({ queryKey: ['metadata'], queryFn: ({ signal }) => metadata(signal), staleTime: 60_000 });
  const shown = useMemo(() => {
    const all = names.data ?? [];
    if (text.trim() === '') return all;
    const fuzzy = new uFuzzy({ intraMode: 1 });
    const [found, info, order] = fuzzy.search(all, text, 1);
    return order && info ? order.map((place) => all[info.idx[place]]) : (found ?? []).map((index) => all[index]);
  }, [names.data, text]);
  return (
    <aside class={`panel ${css.browser}`} aria-label="Metrics in this range">
      <input class={`input ${css.search}`} type="search" placeholder="Find a metric" aria-label="Find a metric" value={text} onInput={(event) => set_text(event.currentTarget.value)} />
      {names.error && <Failure error={names.error} what="The list of metrics" retry={() => void names.refetch()} />}
      <p class="t3 xs" style={{ padding: '0 12px 4px' }}>{count(shown.length)} metrics with samples in this range</p>
      <ul tabIndex={0} aria-label="Metric names">
        {shown.slice(0, names_shown_max).map((name) => {
          const known = types.data?.[name]?.[0] ?? types.data?.[name.replace(/_(bucket|count|sum)$/, '')]?.[0];
          return <li key={name}><button type="button" title={known ? `${name}\n${known.type}: ${known.help}` : name} onClick={() => choose(query_for(name, known?.type, window))}><bdi class="ell">{name.slice(0, -name_tail)}</bdi><bdi>{name.slice(-name_tail)}</bdi></button></li>;
        })}
      </ul>
    </aside>
  );
}
