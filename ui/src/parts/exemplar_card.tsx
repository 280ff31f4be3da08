// What an exemplar's trace is about, before one goes there: its outline and where its time went. Asked for only once the
// pointer or the focus has stayed on the diamond for a moment.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import type { Exemplar } from '../api/prometheus';
import { get_trace } from '../api/tempo';
import { service_color } from '../format/colors';
import { duration, with_unit, type Unit } from '../format/numbers';
import { Time } from './marks';

const pause_ms = 200;
const outline_spans_max = 60;

async function outline_of(trace_id: string, signal: AbortSignal) {
  const [{ read_trace, longest_self_time }, answer] = await Promise.all([import('../trace/trace_model'), get_trace(trace_id, signal)]);
  const trace = read_trace(answer);
  return trace === null ? null : { trace, slowest: longest_self_time(trace) };
}

export function ExemplarCard({ exemplar, unit, hidden, left, top, flip }: { exemplar: Exemplar; unit: Unit; hidden: number; left: number; top: number; flip: boolean }) {
  const [asked, set_asked] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set_asked(true), pause_ms);
    return () => clearTimeout(timer);
  }, []);
  const answer = useQuery({ queryKey: ['outline', exemplar.trace_id], queryFn: ({ signal }) => outline_of(exemplar.trace_id!, signal), enabled: asked, staleTime: 60_000 });
  const found = answer.data;
  // It grows when its trace comes: then it moves up, so that the chart's lower edge does not cut it.
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current;
    const chart = element?.offsetParent;
    if (element && chart) element.style.top = `${Math.max(0, Math.min(top - 20, chart.clientHeight - element.offsetHeight - 4))}px`;
  });
  const place = flip ? { right: `calc(100% - ${left}px + 14px)` } : { left: `${left + 14}px` };
  return (
    <div class="exemplar-card" ref={card} style={{ ...place, top: `${Math.max(0, top - 20)}px` }} role="status">
      <div><b class="num">{with_unit(exemplar.value, unit)}</b> <span class="t2">at <Time ms={exemplar.time_s * 1000} millis /></span></div>
      {found && (
        <>
          <svg viewBox="0 0 200 40" preserveAspectRatio="none" aria-hidden="true">
            {found.trace.spans.slice(0, outline_spans_max).map((span, index, all) => (
              <rect key={index} x={(span.start_ns / Math.max(1, found.trace.duration_ns)) * 200} width={Math.max(1, (span.duration_ns / Math.max(1, found.trace.duration_ns)) * 200)} y={(index * 40) / all.length} height={Math.max(1, 32 / all.length)} style={{ fill: service_color(span.service) }} />
            ))}
          </svg>
          <div class="t2">{found.trace.spans.length} spans, {duration(found.trace.duration_ns / 1e9)}</div>
          <div>Longest self time: <bdi class="b">{found.slowest.name}</bdi> <b class="num">{duration(found.slowest.self_ns / 1e9)}</b></div>
        </>
      )}
      {answer.isError && <div class="t3">Its trace could not be loaded.</div>}
      {found === null && <div class="t3">Its trace is not here (any more).</div>}
      {hidden > 0 && <div class="t3">+{hidden} near it</div>}
    </div>
  );
}
