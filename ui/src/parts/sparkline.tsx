// A small line without axes; its figures stand beside it.
import type { Series } from '../api/prometheus';
import type { ResolvedRange } from '../state/time_range';

export function Sparkline({ series, range, color, width = 110, height = 24 }: { series: Series | null; range: ResolvedRange; color: string; width?: number; height?: number }) {
  const points = (series?.times_s ?? []).flatMap((time, index) => {
    const value = series!.values[index];
    return value === null || !Number.isFinite(value) ? [] : [[time * 1000, value] as const];
  });
  const most = Math.max(1e-12, ...points.map(([, value]) => value));
  const x = (ms: number) => ((ms - range.from_ms) / (range.to_ms - range.from_ms)) * width;
  const y = (value: number) => height - 2 - (value / most) * (height - 4);
  const path = points.map(([ms, value], index) => `${index === 0 ? 'M' : 'L'}${x(ms).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  return (
    <svg class="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {points.length > 1 && <path d={`${path}L${x(points.at(-1)![0]).toFixed(1)} ${height}L${x(points[0][0]).toFixed(1)} ${height}Z`} style={{ fill: color, opacity: 0.16 }} />}
      <path d={path || `M0 ${height - 1}H${width}`} style={{ fill: 'none', stroke: points.length > 1 && most > 1e-12 ? color : 'var(--line-2)', strokeWidth: '1.3px' }} />
    </svg>
  );
}
