// Lines over time (uPlot) with exemplar diamonds as real links over it. Drag selects a time range; diamonds never cover each
// other, the higher one stays. Colours are read from the theme, since a canvas cannot use variables.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { Link } from 'wouter';
import type { Exemplar, Series } from '../api/prometheus';
import { on_theme_change } from '../app/theme';
import { resolved_color, resolved_slot, series_variable } from '../format/colors';
import { with_unit, type Unit } from '../format/numbers';
import { clock } from '../format/time';
import type { ResolvedRange } from '../state/time_range';
import { ExemplarCard } from './exemplar_card';

export interface ChartSeries extends Series {
  name: string;
  slot: number;
  threshold?: boolean;
}

export interface Mark {
  time_s: number;
  text: string;
}

interface Props {
  series: ChartSeries[];
  range: ResolvedRange;
  unit: Unit;
  height: number;
  label: string;
  log?: boolean;
  exemplars?: Exemplar[];
  // Whether the exemplars' values are of the same kind as the lines'; otherwise they stand in a row at the bottom.
  exemplars_on_scale?: boolean;
  exemplar_link?: (exemplar: Exemplar) => string;
  exemplar_slot?: (exemplar: Exemplar) => number;
  marks?: Mark[];
  solo?: number | null;
  zoom?: (from_ms: number, to_ms: number) => void;
  zoom_out?: () => void;
}

// All series on one time axis; uPlot wants columns.
export function align(series: Series[]): { times: number[]; columns: (number | null)[][] } {
  const times = [...new Set(series.flatMap((one) => one.times_s))].sort((left, right) => left - right);
  const place = new Map(times.map((time, index) => [time, index]));
  const columns = series.map((one) => {
    const column = new Array<number | null>(times.length).fill(null);
    one.times_s.forEach((time, index) => {
      const value = one.values[index];
      column[place.get(time)!] = value === null || !Number.isFinite(value) ? null : value;
    });
    return column;
  });
  return { times, columns };
}

const diamond_px = 16;
const diamonds_max = 150;
const no_exemplars: Exemplar[] = []; // the same each time: a new one would draw the chart anew
const no_marks: Mark[] = [];

interface Diamond {
  exemplar: Exemplar;
  left: number;
  top: number;
  hidden: number;
}

// Highest first; one that would cover another is counted there instead.
function place_diamonds(plot: uPlot, exemplars: Exemplar[], on_scale: boolean): Diamond[] {
  const placed: Diamond[] = [];
  const width = plot.over.clientWidth;
  const height = plot.over.clientHeight;
  for (const exemplar of [...exemplars].sort((one, other) => other.value - one.value)) {
    const left = plot.valToPos(exemplar.time_s, 'x');
    if (!(left >= 0 && left <= width)) continue;
    const top = on_scale ? Math.max(4, Math.min(height - 4, plot.valToPos(exemplar.value, 'y'))) : height - 8;
    const near = placed.find((one) => Math.abs(one.left - left) < diamond_px && Math.abs(one.top - top) < diamond_px);
    if (near) near.hidden++;
    else if (placed.length < diamonds_max) placed.push({ exemplar, left, top, hidden: 0 });
  }
  return placed.sort((one, other) => one.left - other.left);
}

export function LineChart(props: Props) {
  const { series, range, unit, height, log = false, exemplars = no_exemplars, exemplars_on_scale = true, marks = no_marks, solo = null } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [theme, set_theme] = useState(0);
  const [width, set_width] = useState(0);
  const [diamonds, set_diamonds] = useState<Diamond[]>([]);
  const [box, set_box] = useState({ left: 0, top: 0 });
  const [card, set_card] = useState<Diamond | null>(null);
  const [hover, set_hover] = useState<{ left: number; time_s: number; rows: { name: string; slot: number; value: number }[] } | null>(null);
  const data = useMemo(() => align(series), [series]);

  useEffect(() => on_theme_change(() => set_theme((count) => count + 1)), []);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => set_width(Math.floor(entry.contentRect.width)));
    observer.observe(host.current!);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (width < 80 || !host.current) return undefined;
    const line = resolved_color('--line-1');
    const text = resolved_color('--text-3');
    const font = `11px ${resolved_color('--font-ui')}`;
    const exemplar_top = exemplars_on_scale ? Math.max(0, ...exemplars.map(({ value }) => value)) : 0;
    const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const options: uPlot.Options = {
      width, height,
      padding: [12, 12, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 30 }, points: { size: 6 }, sync: { key: 'obelisk' } },
      focus: { alpha: 0.35 },
      scales: {
        x: { time: true, range: () => [latest.current.range.from_ms / 1000, latest.current.range.to_ms / 1000] },
        y: log ? { distr: 3, log: 10 } : {
          range: (_, low, high) => {
            const most = Math.max(high ?? 0, exemplar_top);
            const least = Math.min(0, low ?? 0);
            return [least, most === least ? least + 1 : most + (most - least) * 0.06];
          },
        },
      },
      axes: [
        { ...axis, space: 90, size: 26, values: (_, splits) => splits.map((time) => clock(time * 1000).slice(0, splits.length > 1 && splits[1] - splits[0] < 60 ? 8 : 5)) },
        { ...axis, size: 64, values: (_, splits) => splits.map((value) => (value === null ? '' : with_unit(value, unit))) },
      ],
      series: [{}, ...series.map((one, index) => ({
        label: one.name,
        stroke: one.threshold ? resolved_color('--status-crit') : resolved_slot(one.slot),
        width: one.threshold ? 1 : 1.5,
        dash: one.threshold ? [6, 4] : one.slot > 10 ? [8, 3] : undefined,
        show: solo === null || solo === index || one.threshold === true,
        points: { show: one.times_s.length === 1 },
        spanGaps: false,
      }))],
      hooks: {
        draw: [(self) => {
          const crit = resolved_color('--status-crit');
          for (const mark of marks) {
            const x = self.valToPos(mark.time_s, 'x', true);
            if (x < self.bbox.left || x > self.bbox.left + self.bbox.width) continue;
            self.ctx.save();
            self.ctx.strokeStyle = crit;
            self.ctx.setLineDash([4, 4]);
            self.ctx.beginPath();
            self.ctx.moveTo(x, self.bbox.top);
            self.ctx.lineTo(x, self.bbox.top + self.bbox.height);
            self.ctx.stroke();
            self.ctx.fillStyle = crit;
            self.ctx.font = `${11 * devicePixelRatio}px ${resolved_color('--font-ui')}`;
            const near_end = x > self.bbox.left + self.bbox.width * 0.8;
            self.ctx.textAlign = near_end ? 'right' : 'left';
            self.ctx.fillText(`▲ ${mark.text}`, x + (near_end ? -5 : 5) * devicePixelRatio, self.bbox.top + 11 * devicePixelRatio);
            self.ctx.restore();
          }
        }],
        drawClear: [(self) => {
          set_diamonds(place_diamonds(self, latest.current.exemplars ?? no_exemplars, latest.current.exemplars_on_scale ?? true));
          set_box({ left: self.over.offsetLeft, top: self.over.offsetTop });
        }],
        setSelect: [(self) => {
          const { left, width: selected } = self.select;
          if (selected > 4) latest.current.zoom?.(self.posToVal(left, 'x') * 1000, self.posToVal(left + selected, 'x') * 1000);
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        setCursor: [(self) => {
          const index = self.cursor.idx;
          if (index === null || index === undefined || self.cursor.left === undefined || self.cursor.left < 0) {
            set_hover(null);
            return;
          }
          const rows = latest.current.series.flatMap((one, at) => {
            const value = self.data[at + 1]?.[index];
            return value === null || value === undefined || !self.series[at + 1]?.show ? [] : [{ name: one.name, slot: one.slot, value }];
          });
          const y = self.cursor.top ?? 0;
          const near = rows.map((row) => ({ row, far: Math.abs(self.valToPos(row.value, 'y') - y) })).sort((one, other) => one.far - other.far)
            .slice(0, 6).map(({ row }) => row).sort((one, other) => other.value - one.value);
          set_hover({ left: self.cursor.left + self.over.offsetLeft, time_s: self.data[0][index], rows: near });
        }],
      },
    };
    const created = new uPlot(options, [data.times, ...data.columns] as uPlot.AlignedData, host.current);
    const on_double = () => latest.current.zoom_out?.();
    created.over.addEventListener('dblclick', on_double);
    plot.current = created;
    return () => {
      created.destroy();
      plot.current = null;
    };
  }, [width, height, data, unit, log, theme, solo, exemplars, exemplars_on_scale, marks, range.from_ms, range.to_ms]);

  return (
    <div class="chart" role="group" aria-label={props.label}>
      <div class="plot" ref={host} aria-hidden="true" onMouseLeave={() => set_hover(null)} />
      <div class="diamonds" style={{ left: `${box.left}px`, top: `${box.top}px` }}>
        {diamonds.map((diamond, index) => diamond.exemplar.trace_id && (
          <Link key={`${diamond.exemplar.trace_id} ${index}`} class="diamond" href={props.exemplar_link?.(diamond.exemplar) ?? '#'}
            style={{ left: `${diamond.left}px`, top: `${diamond.top}px`, color: series_variable(props.exemplar_slot?.(diamond.exemplar) ?? 1) }}
            onMouseEnter={() => set_card(diamond)} onMouseLeave={() => set_card(null)} onFocus={() => set_card(diamond)} onBlur={() => set_card(null)}
            aria-label={`Open the trace of ${with_unit(diamond.exemplar.value, exemplars_on_scale ? unit : 'seconds')} at ${clock(diamond.exemplar.time_s * 1000)}`} />
        ))}
      </div>
      {card && diamonds.includes(card) && <ExemplarCard key={card.exemplar.trace_id} exemplar={card.exemplar} unit={exemplars_on_scale ? unit : 'seconds'} hidden={card.hidden}
        left={card.left + box.left} top={card.top + box.top} flip={card.left > width / 2} />}
      {hover && !card && hover.rows.length > 0 && (
        <div class="chart-hover" style={hover.left > width / 2 ? { right: `${width - hover.left + 14}px` } : { left: `${hover.left + 14}px` }}>
          <div class="t3 xs">{clock(hover.time_s * 1000)}</div>
          {hover.rows.map((row) => (
            <div class="row" key={row.name}><span class="sq" style={{ background: series_variable(row.slot) }} /><bdi class="ell">{row.name}</bdi><b class="num">{with_unit(row.value, unit)}</b></div>
          ))}
        </div>
      )}
    </div>
  );
}
