// Log lines by level over time, counted by the server.
import { useMemo, useRef, useState } from 'preact/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { query_log_instant, query_log_metric } from '../api/loki';
import type { Labels, Series } from '../api/prometheus';
import { level_of, levels, type Level } from '../format/colors';
import { count } from '../format/numbers';
import { time_ticks } from '../format/time';
import { Panel } from '../parts/marks';
import { Loading, message_of, Partial } from '../parts/states';
import { count_query } from '../state/logql_text';
import { absolute_range, format_duration_short, step_seconds, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';
import css from './logs.module.css';

function level_label(labels: Labels): Level {
  return level_of(labels.level || labels.detected_level || labels.severity_text);
}

function by_level(series: Series[]): Map<number, Map<Level, number>> {
  const buckets = new Map<number, Map<Level, number>>();
  for (const { labels, times_s, values } of series) {
    const level = level_label(labels);
    times_s.forEach((time, index) => {
      const value = values[index] ?? 0;
      const bucket = buckets.get(time) ?? new Map<Level, number>();
      bucket.set(level, (bucket.get(level) ?? 0) + value);
      buckets.set(time, bucket);
    });
  }
  return buckets;
}

export function Histogram({ query, range, level_in_json }: { query: string; range: ResolvedRange; level_in_json: string | null }) {
  const url = useUrl();
  const step = step_seconds(range, 100);
  const answer = useQuery({
    queryKey: ['histogram', query, level_in_json, Math.floor(range.from_ms / 1000 / step), Math.floor(range.to_ms / 1000 / step), step], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_metric(count_query(query, `${step}s`, level_in_json), range, step, signal, 'begun'),
  });
  // The bars stand on whole steps, which begin before the range and end after it: the totals are counted by themselves.
  const exact = useQuery({
    queryKey: ['totals', query, level_in_json, range.from_ms, range.to_ms], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => query_log_instant(count_query(query, format_duration_short(Math.max(1, Math.round(range.to_ms - range.from_ms))), level_in_json), range.to_ms, signal),
  });
  const buckets = useMemo(() => by_level(answer.data ?? []), [answer.data]);
  const totals = useMemo(() => {
    const sums = new Map<Level, number>();
    for (const { labels, value } of exact.data ?? []) sums.set(level_label(labels), (sums.get(level_label(labels)) ?? 0) + value);
    return sums;
  }, [exact.data]);
  const [drag, set_drag] = useState<[number, number] | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const length = range.to_ms - range.from_ms;
  const x = (ms: number) => ((ms - range.from_ms) / length) * 1000;
  const most = Math.max(1, ...[...buckets.values()].map((bucket) => [...bucket.values()].reduce((sum, value) => sum + value, 0)));
  const total = [...totals.values()].reduce((sum, value) => sum + value, 0);
  const at = (event: PointerEvent) => {
    const box = svg.current!.getBoundingClientRect();
    return range.from_ms + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length;
  };
  return (
    <Panel title={answer.error || !exact.data ? 'Lines by level' : `${count(total)} lines`} side={
      <span class={css.legend}>{levels.filter((level) => totals.get(level)).map((level) => <span key={level}><i class="sq" style={{ background: `var(--level-${level})` }} />{level} <b>{count(totals.get(level)!)}</b></span>)}</span>}>
      <Loading on={answer.isFetching && !answer.data} what="counts" />
      {answer.error ? <Partial>The counts could not be loaded: {message_of(answer.error)}</Partial> : (
        <div class={css.hist}>
          <span class={css.y}>{count(most)}</span>
          <svg ref={svg} viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label={`${count(total)} lines: ${[...totals].map(([level, value]) => `${level} ${count(value)}`).join(', ')}`}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              set_drag([at(event), at(event)]);
            }}
            onPointerMove={(event) => drag && set_drag([drag[0], at(event)])}
            onPointerUp={(event) => {
              if (!drag) return;
              const [from, to] = [Math.min(drag[0], at(event)), Math.max(drag[0], at(event))];
              set_drag(null);
              if (to - from > length * 0.005) url.set({ ...absolute_range(from, to), live: null });
            }}>
            {[...buckets].map(([time, bucket]) => {
              let y = 100;
              return levels.slice().reverse().filter((level) => bucket.get(level)).map((level) => {
                const height = (bucket.get(level)! / most) * 100;
                y -= height;
                // A point at time t counts the lines of the step before it.
                return <rect key={`${time} ${level}`} x={x((time - step) * 1000) + 0.5} width={Math.max(1, (step * 1000 / length) * 1000 - 1)} y={y} height={height} style={{ fill: `var(--level-${level})` }} />;
              });
            })}
            {drag && <rect x={x(Math.min(...drag))} width={Math.max(1, x(Math.max(...drag)) - x(Math.min(...drag)))} y="0" height="100" style={{ fill: 'var(--accent-soft)' }} />}
          </svg>
          {time_ticks(range.from_ms, range.to_ms, 7).map(({ ms, text }) => <span key={ms} class={css.x} style={{ left: `calc(64px + (100% - 76px) * ${(ms - range.from_ms) / length})` }}>{text}</span>)}
        </div>
      )}
    </Panel>
  );
}

// Which part of the query removed everything: tried one stage shorter each.
