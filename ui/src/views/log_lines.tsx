// A virtual list of log lines; an open line shows its fields, each a filter, and the ways on.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { VList, type VListHandle } from 'virtua';
import { Link, useLocation } from 'wouter';
import type { LogLine } from '../api/loki';
import { fields_of, ids_of } from '../api/obelisk';
import type { Labels } from '../api/prometheus';
import { useRange } from '../app/clock';
import { add_keys } from '../app/keys';
import { level_of } from '../format/colors';
import { count } from '../format/numbers';
import { day } from '../format/time';
import { ServiceMark, Time } from '../parts/marks';
import { useLogSelector } from '../parts/services';
import { Empty, Loading } from '../parts/states';
import { around, service_of, span_red_queries } from '../state/pivots';
import { useUrl } from '../state/url_state';
import { message_text } from './log_line';
import { LongText } from '../trace/attributes';
import { source_of, type Filter } from './log_fields';
import type { Following } from './log_tail';
import css from './logs.module.css';

export function line_key(lines: LogLine[], index: number): string {
  let same = 0;
  while (index - same > 0 && lines[index - same - 1].time_ns === lines[index].time_ns) same++;
  return same === 0 ? lines[index].time_ns : `${lines[index].time_ns}-${same}`;
}

interface ListProps {
  lines: LogLine[];
  loading: boolean;
  stale: boolean;
  old?: boolean; // the answer to a query before
  stream_names: string[];
  filter: Filter;
  more: (() => void) | null;
  following: Following | null;
  live: boolean;
  empty: preact.ComponentChildren;
  switcher?: preact.ComponentChildren;
}

export function LineList({ lines, loading, stale, old, stream_names, filter, more, following, live, empty, switcher }: ListProps) {
  const url = useUrl();
  const [, navigate] = useLocation();
  const list = useRef<VListHandle>(null);
  const wrap = url.option('wrap') === '1';
  const at = url.params.get('at');
  const open_index = useMemo(() => (at === null ? -1 : lines.findIndex((line, index) => line.time_ns === at.split('-')[0] && line_key(lines, index) === at)), [lines, at]);
  const show = (index: number | null) => url.set({ at: index === null ? null : line_key(lines, index) }, { replace: true });
  // Lines of several days, or of one that is not today's, say which.
  const dated = lines.length > 0 && new Set([day(lines[0].time_ms), day(lines[lines.length - 1].time_ms), day(Date.now())]).size > 1;
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
        <VList ref={list as never} class={`${css.scroller}${old ? ' old' : stale ? ' stale' : ''}`} tabIndex={0} aria-label="Lines, newest first"
          onScroll={(offset: number) => {
            if (following && live && !following.paused && offset > 200) following.pause(true);
            if (more && !loading && list.current && offset + list.current.viewportSize > list.current.scrollSize - 800) more();
          }}>
          {lines.map((line, index) => (
            <LineRow key={`${line.time_ns} ${index}`} line={line} open={index === open_index} wrap={wrap} dated={dated} toggle={() => show(index === open_index ? null : index)} filter={filter} stream_names={stream_names} />
          ))}
        </VList>
      )}
      {loading && lines.length > 0 && more && <p class="s t3" style={{ padding: '2px 12px' }}>Loading older lines …</p>}
    </section>
  );
}

function LineRow({ line, open, wrap, dated, toggle, filter, stream_names }: { line: LogLine; open: boolean; wrap: boolean; dated: boolean; toggle(): void; filter: Filter; stream_names: string[] }) {
  const url = useUrl();
  const fields = useMemo(() => fields_of(line), [line]);
  const level = level_of(fields.detected_level ?? fields.level ?? fields.severity_text ?? fields.severity);
  const { trace_id, span_id } = ids_of(line, fields);
  return (
    <div>
      <div class={`${css.row} ${css[level] ?? ''} ${open ? css.open : ''} ${wrap ? css.wrap : ''} ${dated ? css.dated : ''}`} style={{ borderLeftColor: `var(--level-${level})` }} onClick={(event) => event.target instanceof HTMLAnchorElement || toggle()}>
        <span class={css.time}><Time ms={line.time_ms} millis with_day={dated} /></span>
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

function LineDetails({ line, fields, trace_id, span_id, filter, stream_names }: { line: LogLine; fields: Labels; trace_id: string | null; span_id: string | null; filter: Filter; stream_names: string[] }) {
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
