// Logs: editor, counts by level over time, fields, a virtual list of lines with details, live tail.
// URL: q; or trace and span (all lines of a trace, joined by the store); at = the open line; live=1; v=wrap:1, v=show:patterns.
import { useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { log_label_names, query_lines, query_log_instant, query_log_metric } from '../api/loki';
import { ids_of, text_fields, trace_logs } from '../api/obelisk';
import { useClock, useRange } from '../app/clock';
import { count } from '../format/numbers';
import { Editor } from '../parts/editor';
import { logql_completions } from '../parts/completions';
import { useLastAnswer } from '../parts/last_answer';
import { Legend } from '../parts/legend';
import { LineChart } from '../parts/line_chart';
import { Panel } from '../parts/marks';
import { Empty, Failure, Loading, message_of, NotRun, Partial, query_complaint } from '../parts/states';
import { add_filter, as_logql, is_logql, is_metric_query, type FieldSource } from '../state/logql_text';
import { absolute_range, format_duration_short, scale_range, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { LogPatterns } from './log_patterns';
import { assign_slots, common_labels, series_name } from './metrics';
import { Fields, fields_in } from './log_fields';
import { Histogram } from './log_histogram';
import { LineList } from './log_lines';
import { useTail } from './log_tail';
import css from './logs.module.css';

const page_lines = 500;
const all_lines = '{service_name=~".+"}';

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
  const last = useLastAnswer(pages.data, metric ? null : pages.error);
  const loaded = useMemo(() => last.data?.pages.flat() ?? [], [last.data]);
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
            {last.old && <div class="col"><Partial>The lines below answer the query before; the one above could not be run now.</Partial><NotRun error={error} retry={() => void pages.refetch()} hint="The message under the editor says where. Correct it and press Enter; the range and the rest stays." /></div>}
            {ready && (pages.data || error) && <Histogram query={query} range={range} level_in_json={level_in_json} />}
            {patterns ? <LogPatterns query={query} range={asked} run={run} switcher={switcher} /> : (
              <LineList lines={lines} loading={pages.isFetching} stale={pages.isPlaceholderData} old={last.old} filter={filter} stream_names={names.data ?? []} switcher={switcher}
                more={pages.hasNextPage ? () => void pages.fetchNextPage() : null} following={following} live={live}
                empty={error ? <NotRun error={error} retry={() => void pages.refetch()} hint="The message under the editor says where. Correct it and press Enter; the range and the rest stays." />
                  : <NoLines query={query} everything={everything} run={run} />} />
            )}
          </div>
        </div>
      )}
    </>
  );
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
