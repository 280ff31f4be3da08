// One span of a trace: its figures, the ways to the other signals, its attributes, events and links.
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { ids_of, trace_exemplars } from '../api/obelisk';
import { count, duration, percent } from '../format/numbers';
import { Copy } from '../parts/copy';
import { Panel, ServiceMark, Time } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { around, selector, service_of, span_red_queries, traceql_of_span } from '../state/pivots';
import { absolute_range } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { span_ms, type Span, type Trace } from '../trace/trace_model';
import { AttributeList, LongText } from '../trace/attributes';
import { SpanExtras } from '../trace/span_extras';
import { Rank } from '../trace/usual';
import { useTraceLogs } from './trace_logs';
import css from './trace.module.css';

export function red_patch(span: Span, trace: Trace): Record<string, string | string[]> {
  return { q: span_red_queries(span.service, span.name, '1m'), ...around(span_ms(span, trace), 900_000), at: String(Math.round(span_ms(span, trace))), v: ['mark:this span'] };
}

export function SpanDetails({ span, trace, slowest }: { span: Span; trace: Trace; slowest: boolean }) {
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
    <Panel title={<span class="row"><ServiceMark name={span.service} plain /><bdi class="ell" title={span.name}>{span.name || '(no name)'}</bdi></span>} side={<span class="t3 s ell" title={span.service}><bdi>{span.service}</bdi> · {span.kind}</span>}>
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
      <SpanExtras span={span} range={range} />
      <div class={css.attrs}><dl>
        <dt>started</dt><dd>+{duration(span.start_ns / 1e9)} · <Time ms={at_ms} millis /></dd><dt>span id</dt><dd>{span.span_id || '–'}{span.span_id && <Copy text={span.span_id} what="span id" />}</dd>
        <dt>scope</dt><dd><bdi>{span.scope || '–'}</bdi></dd>
        {span.trace_state && <><dt>trace state</dt><dd><LongText text={span.trace_state} /></dd></>}
        {span.dropped > 0 && <><dt>dropped</dt><dd>{count(span.dropped)} attributes, events and links, by the limits of its sender</dd></>}</dl></div>
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
