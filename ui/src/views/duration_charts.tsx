// Durations over time, above the list of traces: every span that matches as a heatmap, counted by the server over the whole
// range; or, where the list is the whole answer, each trace as a dot. A drag over either selects: along the time it zooms,
// over a box it asks for these durations too.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { duration_histogram, type FoundTrace } from '../api/tempo';
import { service_color } from '../format/colors';
import { count, duration } from '../format/numbers';
import { clock as clock_text, ns_to_ms, time_ticks } from '../format/time';
import { Panel } from '../parts/marks';
import { Loading, message_of, Partial } from '../parts/states';
import { step_seconds, type ResolvedRange } from '../state/time_range';
import css from './duration_charts.module.css';

export interface Box {
  from_ms: number;
  to_ms: number;
  low_s: number | null; // null: all durations
  high_s: number | null;
}

const plot = { height: 190, left: 70, right: 16, top: 10, bottom: 22 };
const least_drag_share = 0.01;
const box_share = 0.12; // of the height: less is a drag along the time
const ticks_ms = [0.001, 0.01, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 1_000_000];

// log10 of milliseconds, bottom and top.
interface Scale { low: number; high: number }

interface FrameProps {
  range: ResolvedRange;
  scale: Scale;
  label: string;
  select(box: Box): void;
  children(x: (ms: number) => number, y: (duration_ms: number) => number): ComponentChildren;
}

function Frame({ range, scale, label, select, children }: FrameProps) {
  const [width, set_width] = useState(900);
  const svg = useRef<SVGSVGElement>(null);
  const [drag, set_drag] = useState<{ x: [number, number]; y: [number, number] } | null>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => set_width(Math.max(200, Math.floor(entry.contentRect.width))));
    observer.observe(svg.current!);
    return () => observer.disconnect();
  }, []);
  const inner = { width: width - plot.left - plot.right, height: plot.height - plot.top - plot.bottom };
  const length = range.to_ms - range.from_ms;
  const x = (ms: number) => plot.left + ((ms - range.from_ms) / length) * inner.width;
  const y = (duration_ms: number) => plot.top + (1 - (Math.log10(Math.max(1e-6, duration_ms)) - scale.low) / (scale.high - scale.low)) * inner.height;
  // Shares of the inner area, 0 to 1.
  const place = (event: PointerEvent) => {
    const box = svg.current!.getBoundingClientRect();
    const within = (value: number) => Math.max(0, Math.min(1, value));
    return { x: within((event.clientX - box.left - plot.left) / inner.width), y: within((event.clientY - box.top - plot.top) / inner.height) };
  };
  const finish = () => {
    if (!drag) return;
    const [left, right] = [Math.min(...drag.x), Math.max(...drag.x)];
    const [top, bottom] = [Math.min(...drag.y), Math.max(...drag.y)];
    set_drag(null);
    if (right - left < least_drag_share) return;
    const is_box = bottom - top > box_share;
    const seconds = (share: number) => 10 ** (scale.high - share * (scale.high - scale.low)) / 1000;
    select({ from_ms: range.from_ms + left * length, to_ms: range.from_ms + right * length, low_s: is_box && bottom < 1 ? seconds(bottom) : null, high_s: is_box && top > 0 ? seconds(top) : null });
  };
  const ticks = ticks_ms.filter((ms) => Math.log10(ms) > scale.low && Math.log10(ms) < scale.high);
  return (
    <svg class={css.plot} ref={svg} role="img" aria-label={label}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        const at = place(event);
        set_drag({ x: [at.x, at.x], y: [at.y, at.y] });
      }}
      onPointerMove={(event) => {
        if (!drag) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        const at = place(event);
        set_drag({ x: [drag.x[0], at.x], y: [drag.y[0], at.y] });
      }}
      onPointerUp={finish} onPointerCancel={() => set_drag(null)}>
      {(ticks.length > 6 ? ticks.filter((ms) => Number.isInteger(Math.log10(ms))) : ticks).map((ms) => (
        <g key={ms}><line class={css.grid} x1={plot.left} x2={width - plot.right} y1={y(ms)} y2={y(ms)} /><text x={plot.left - 8} y={y(ms) + 4} text-anchor="end">{duration(ms / 1000)}</text></g>))}
      {time_ticks(range.from_ms, range.to_ms, Math.max(2, Math.floor(inner.width / 110))).map(({ ms, text }) => (
        <g key={ms}><line class={css.grid} x1={x(ms)} x2={x(ms)} y1={plot.top} y2={plot.height - plot.bottom} /><text x={x(ms)} y={plot.height - 5} text-anchor="middle">{text}</text></g>))}
      {children(x, y)}
      {drag && Math.abs(drag.x[1] - drag.x[0]) > 0.003 && (() => {
        const is_box = Math.abs(drag.y[1] - drag.y[0]) > box_share;
        const [top, bottom] = is_box ? [Math.min(...drag.y), Math.max(...drag.y)] : [0, 1];
        return <rect class={css.brush} x={plot.left + Math.min(...drag.x) * inner.width} width={Math.abs(drag.x[1] - drag.x[0]) * inner.width} y={plot.top + top * inner.height} height={(bottom - top) * inner.height} />;
      })()}
    </svg>
  );
}

export function failed_spans(trace: FoundTrace): number {
  return Object.values(trace.serviceStats ?? {}).reduce((sum, one) => sum + (one.errorCount ?? 0), 0);
}

export function Scatter({ traces, range, open, select }: { traces: FoundTrace[]; range: ResolvedRange; open(id: string): string; select(box: Box): void }) {
  const [, navigate] = useLocation();
  const durations = traces.map((trace) => Math.max(0.05, trace.durationMs ?? 0.05));
  const [shortest, longest] = [Math.log10(Math.min(...durations)), Math.log10(Math.max(...durations))];
  const spread = Math.max(0.15, (1 - (longest - shortest)) / 2); // a decade at least, so that there is a scale to read
  const scale = { low: shortest - spread, high: longest + spread };
  return (
    <Panel title="Duration over time" side={<span class="t3 s">dot: a trace; ring: failed; drag to zoom, a box for durations</span>}>
      <Frame range={range} scale={scale} select={select} label={`${count(traces.length)} traces by start and duration. The table below lists them.`}>
        {(x, y) => traces.map((trace, index) => {
          const bad = failed_spans(trace) > 0;
          return <circle key={trace.traceID} class={css.point} cx={x(ns_to_ms(trace.startTimeUnixNano))} cy={y(durations[index])} r={bad ? 5 : 4}
            style={{ fill: service_color(trace.rootServiceName ?? ''), stroke: bad ? 'var(--status-crit)' : 'none', strokeWidth: bad ? '2px' : '0' }}
            onClick={() => navigate(open(trace.traceID.padStart(32, '0')))}><title>{`${trace.rootServiceName} ${trace.rootTraceName} ${duration(durations[index] / 1000)}`}</title></circle>;
        })}
      </Frame>
    </Panel>
  );
}

// What the heatmap counts: of a search for anything the requests themselves, else the spans that match.
export function counted_query(q: string): string | null {
  if (q.includes('|') && !q.includes('||')) return null; // a pipeline may have any shape
  return /^\s*\{\s*\}\s*$/.test(q) ? '{ nestedSetParent < 0 }' : q.trim();
}

const heat_steps = 6;

export function Heatmap({ q, range, select }: { q: string; range: ResolvedRange; select(box: Box): void }) {
  const step = step_seconds(range, 90);
  const answer = useQuery({
    queryKey: ['durations', q, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => duration_histogram(q, range, step, signal),
  });
  const cells = answer.data ?? [];
  const most = useMemo(() => Math.max(1, ...cells.map((cell) => cell.count)), [cells]);
  const total = cells.reduce((sum, cell) => sum + cell.count, 0);
  if (answer.error) return <Partial>The durations of the whole range could not be counted: {message_of(answer.error)}</Partial>;
  if (!answer.data) return <Panel title="Durations"><div class={css.waiting}><Loading on what="durations" /></div></Panel>;
  if (total === 0) return null;
  const tops = cells.map(({ top_s }) => Math.log10(top_s * 1000));
  // A bucket holds what is over half its bound and at most its bound.
  const scale = { low: Math.min(...tops) - Math.log10(2) - 0.05, high: Math.max(...tops) + 0.05 };
  const all = /nestedSetParent < 0/.test(q);
  return (
    <Panel title={`${count(total)} ${all ? 'requests' : 'matching spans'} by duration`} side={<span class="t3 s">the whole range; colour is the square root of the count, up to {count(most)}; drag to zoom, a box for durations</span>}>
      <div class={answer.isPlaceholderData ? 'stale' : ''}>
        <Frame range={range} scale={scale} select={select} label={`${count(total)} spans by start and duration; the longest up to ${duration(Math.max(...cells.map(({ top_s }) => top_s)))}`}>
          {(x, y) => cells.map(({ begin_ms, top_s, count: number }) => {
            const left = Math.max(plot.left, x(begin_ms));
            return (
              <rect key={`${begin_ms} ${top_s}`} x={left} width={Math.max(1, Math.min(x(begin_ms + step * 1000), x(range.to_ms)) - left - 1)} y={y(top_s * 1000)} height={Math.max(1, y(top_s * 500) - y(top_s * 1000) - 1)}
                style={{ fill: `var(--heat-${Math.max(1, Math.ceil(Math.sqrt(number / most) * heat_steps))})` }}><title>{`${count(number)} of ${duration(top_s / 2)} to ${duration(top_s)}, from ${clock_text(begin_ms)}`}</title></rect>
            );
          })}
        </Frame>
      </div>
    </Panel>
  );
}
