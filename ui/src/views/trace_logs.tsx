// The log lines of a trace, of a subtree, of a span, or of a service at its time, beside the waterfall.
import { useMemo } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { query_lines, type LogLine } from '../api/loki';
import { fields_of, ids_of, trace_logs } from '../api/obelisk';
import { level_of } from '../format/colors';
import { count } from '../format/numbers';
import { ServiceMark } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { Empty, Failure, Loading, Partial } from '../parts/states';
import { service_of } from '../state/pivots';
import { absolute_range } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { span_ms, type Span, type Trace } from '../trace/trace_model';
import { message_text } from './log_line';
import css from './trace.module.css';

const log_lines_shown = 300;
const no_lines: LogLine[] = [];

export function useTraceLogs(trace: Trace) {
  return useQuery({ queryKey: ['trace logs', trace.trace_id], queryFn: ({ signal }) => trace_logs(trace.trace_id, signal), staleTime: 30_000 });
}

export function TraceLogs({ trace, span, light, choose }: { trace: Trace; span: Span; light(ns: number | null): void; choose(span: Span): void }) {
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
  return `${ms < 0 ? '−' : '+'}${Math.abs(ms) < 10_000 ? Math.abs(ms).toFixed(1) : Math.round(Math.abs(ms)).toLocaleString('en-US')}\u2009ms`;
}
