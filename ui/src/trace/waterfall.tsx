// The waterfall: bars on one canvas as high as the window, text of the visible rows in the DOM. Rows have one height, so
// what is visible follows from the scroll position alone; 1,000,000 spans cost as much as 30. Browsers end elements at some
// 17 million pixels: a longer list scrolls by a share of its height.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { on_theme_change } from '../app/theme';
import { resolved_color, resolved_slot, service_color, slot_of } from '../format/colors';
import { duration } from '../format/numbers';
import type { FoldRow, Row, SpanRow } from './rows';
import type { Span } from './trace_model';
import css from '../views/trace.module.css';

export const row_height = 26;
const overscan = 6;
const height_max_px = 12_000_000;

// What a row needs to know of its span.
export type Bar = Pick<Span, 'span_id' | 'name' | 'service' | 'start_ns' | 'duration_ns' | 'self_ns' | 'failed' | 'status_message' | 'depth' | 'descendants' | 'critical'> & { children: { readonly length: number }; events?: { at_ns: number }[] };

// A span that is on its way.
export interface PendingRow {
  kind: 'pending';
  key: string;
  depth: number;
}

export type WaterfallRowOf<S extends Bar> = SpanRow<S> | FoldRow<S> | PendingRow;

// An array of rows is one.
export interface RowList<S extends Bar> {
  readonly length: number;
  at(index: number): WaterfallRowOf<S> | undefined;
}

export interface TimeWindow {
  from_ns: number;
  to_ns: number;
}

interface Props<S extends Bar> {
  rows: RowList<S>;
  window: TimeWindow;
  chosen: S | null;
  chosen_row: number; // -1: in no row
  lit_ns: number | null;
  left_share: number;
  is_open(span: S): boolean;
  choose(span: S): void;
  toggle(span: S): void;
  unfold?(key: string): void;
  seen?(first: number, last: number): void; // which rows are in view, or nearly
}

export function row_span(row: Row): Span {
  return row.kind === 'span' ? row.span : row.spans[0];
}

export function nice_ticks(from_ns: number, to_ns: number, count: number): number[] {
  const ideal = (to_ns - from_ns) / count;
  if (!(ideal > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(ideal));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= ideal) ?? ideal;
  const ticks: number[] = [];
  for (let tick = Math.ceil(from_ns / step) * step; tick <= to_ns && ticks.length < 40; tick += step) ticks.push(tick);
  return ticks;
}

export function prepare_canvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function Waterfall<S extends Bar>(props: Props<S>) {
  const { rows, chosen, chosen_row, left_share } = props;
  const scroll = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const ruler = useRef<HTMLCanvasElement>(null);
  const [size, set_size] = useState({ width: 0, height: 0 });
  const [scrolled, set_scrolled] = useState(0);
  const [theme, set_theme] = useState(0);
  useEffect(() => on_theme_change(() => set_theme((count) => count + 1)), []);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      const element = scroll.current;
      if (element) set_size({ width: element.clientWidth, height: element.clientHeight });
    });
    observer.observe(scroll.current!);
    return () => observer.disconnect();
  }, []);

  const left = Math.round(size.width * left_share);
  const all_px = rows.length * row_height;
  const inner_px = Math.max(Math.min(all_px, height_max_px), size.height);
  const stretch = all_px > inner_px ? (all_px - size.height) / (inner_px - size.height) : 1;
  const top = scrolled * stretch;
  const first = Math.max(0, Math.floor(top / row_height) - overscan);
  const last = Math.min(rows.length, Math.ceil((top + size.height) / row_height) + overscan);
  const seen = props.seen;
  useEffect(() => {
    if (size.height > 0) seen?.(first, last);
  }, [seen, rows, first, last, size.height]);

  // The chosen row comes into view, near the middle, unless it is in view already.
  useLayoutEffect(() => {
    const element = scroll.current;
    if (!element || chosen_row < 0 || size.height === 0) return;
    const y = chosen_row * row_height;
    const shown = element.scrollTop * stretch;
    if (y < shown || y + row_height > shown + size.height) element.scrollTop = Math.max(0, y - size.height / 2) / stretch;
  }, [chosen_row, size.height]);

  useLayoutEffect(() => {
    if (size.width === 0 || !canvas.current || !ruler.current) return;
    draw(canvas.current, ruler.current, props, top, size, left);
  }, [props.rows, props.window, props.chosen, props.lit_ns, top, size, left, theme]);

  const visible: [number, WaterfallRowOf<S>][] = [];
  for (let index = first; index < last; index++) {
    const row = rows.at(index);
    if (row) visible.push([index, row]);
  }
  return (
    <>
      <div class={css.ruler}>
        <div style={{ width: `${left}px` }}><span>Operation</span><span class="grow" /><span class={css.self}>self time</span></div>
        <canvas ref={ruler} aria-hidden="true" />
      </div>
      <div class={css.scroll} ref={scroll} onScroll={(event) => set_scrolled(event.currentTarget.scrollTop)} role="tree" tabIndex={0} data-waterfall
        aria-label={`Spans of the trace, ${rows.length} rows`} aria-activedescendant={chosen ? `span-${chosen.span_id}` : undefined}>
        <div class={css.inner} style={{ height: `${inner_px}px` }} role="presentation">
          <canvas class={css.canvas} ref={canvas} aria-hidden="true" />
          <div class={css.rows} role="presentation">
            {visible.map(([index, row]) => <WaterfallRow key={row.kind === 'span' ? `${row.span.span_id}${row.span.span_id === '' ? index : ''}` : row.key} row={row} y={index * row_height - top + scrolled} left={left} props={props} />)}
          </div>
        </div>
      </div>
    </>
  );
}

const indent_px = 12;
const indent_levels_max = 16;

function WaterfallRow<S extends Bar>({ row, y, left, props }: { row: WaterfallRowOf<S>; y: number; left: number; props: Props<S> }) {
  if (row.kind === 'pending') {
    return (
      <div class={css.rowitem} role="treeitem" aria-level={row.depth + 1} aria-busy="true" style={{ top: `${y}px` }}>
        <span class={`${css.left} t3`} style={{ width: `${left}px`, paddingLeft: `${8 + Math.min(row.depth, indent_levels_max) * indent_px}px` }}><span class={css.twist} aria-hidden="true" />…</span>
      </div>
    );
  }
  if (row.kind === 'fold') {
    return (
      <div class={css.rowitem} role="treeitem" aria-level={row.depth + 1} aria-expanded={false} style={{ top: `${y}px` }} onClick={() => props.unfold?.(row.key)}>
        <span class={css.left} style={{ width: `${left}px`, paddingLeft: `${8 + Math.min(row.depth, indent_levels_max) * indent_px}px` }}>
          <span class={css.twist} aria-hidden="true">▸</span><span class={css.bar} style={{ background: service_color(row.service) }} />
          <bdi class="ell">{row.name}</bdi><b> × {row.spans.length.toLocaleString('en-US')}</b>
          <span class={css.self}>{duration(row.total_ns / 1e9)}</span>
        </span>
      </div>
    );
  }
  const { span } = row;
  const open = props.is_open(span);
  return (
    <div class={`${css.rowitem}${span === props.chosen ? ` ${css.chosen}` : ''}`} id={`span-${span.span_id}`} role="treeitem" aria-level={span.depth + 1} data-span={span.name}
      aria-expanded={span.children.length > 0 ? open : undefined} aria-selected={span === props.chosen} style={{ top: `${y}px` }} onClick={() => props.choose(span)}
      title={`${span.service}: ${span.name}\n${duration(span.duration_ns / 1e9)}, ${duration(span.self_ns / 1e9)} of it its own`}>
      <span class={css.left} style={{ width: `${left}px`, paddingLeft: `${8 + Math.min(span.depth, indent_levels_max) * indent_px}px` }}>
        {span.children.length > 0
          ? <span class={css.twist} aria-hidden="true" onClick={(event) => {
              event.stopPropagation();
              props.toggle(span);
            }}>{open ? '▾' : '▸'}</span>
          : <span class={css.twist} aria-hidden="true" />}
        <span class={css.bar} style={{ background: service_color(span.service) }} />
        <bdi class={`ell${span === props.chosen ? ' b' : ''}`}>{span.name || '(no name)'}</bdi> <bdi class={`t3 xs ell ${css.service}`}>{span.service}</bdi>
        {!open && span.descendants > 0 && <span class="t3 xs">+{span.descendants.toLocaleString('en-US')}</span>}
        <span class={css.self}>{span.failed && <span class="crit">▲<span class="sr">failed</span> </span>}{duration(span.self_ns / 1e9)}</span>
      </span>
    </div>
  );
}

const bar_inset = 6;
const events_drawn_max = 100; // a span

function draw<S extends Bar>(canvas: HTMLCanvasElement, ruler: HTMLCanvasElement, props: Props<S>, top: number, size: { width: number; height: number }, left: number): void {
  const { rows, window: view, chosen, lit_ns } = props;
  const context = prepare_canvas(canvas, size.width, size.height);
  const width = Math.max(1, size.width - left - 70);
  const scale = width / Math.max(1, view.to_ns - view.from_ns);
  const x_of = (ns: number) => left + (ns - view.from_ns) * scale;
  const colours = new Map<string, string>();
  const colour_of = (service: string) => {
    let colour = colours.get(service);
    if (!colour) colours.set(service, (colour = resolved_slot(slot_of(service))));
    return colour;
  };
  const [grid, text, critical, crit, accent] = ['--line-1', '--text-2', '--critical-path', '--status-crit', '--accent'].map(resolved_color);
  const font = `11px ${resolved_color('--font-ui')}`;

  const ticks = nice_ticks(view.from_ns, view.to_ns, Math.max(2, Math.floor(width / 110)));
  context.fillStyle = grid;
  for (const tick of ticks) context.fillRect(Math.round(x_of(tick)), 0, 1, size.height);
  const axis = prepare_canvas(ruler, Math.max(1, size.width - left), 23);
  axis.font = font;
  axis.fillStyle = resolved_color('--text-3');
  for (const tick of ticks) axis.fillText(tick === 0 ? '0' : duration(tick / 1e9), x_of(tick) - left + 3, 15);

  context.save();
  context.beginPath();
  context.rect(left, 0, size.width - left, size.height);
  context.clip();
  context.font = font;
  context.textBaseline = 'middle';
  const first = Math.floor(top / row_height);
  const end = Math.min(rows.length, Math.ceil((top + size.height) / row_height) + 1);
  for (let index = first; index < end; index++) {
    const row = rows.at(index);
    if (!row || row.kind === 'pending') continue;
    const y = index * row_height - top;
    const height = row_height - 2 * bar_inset;
    if (row.kind === 'fold') {
      context.globalAlpha = 0.6;
      context.fillStyle = colour_of(row.service);
      let reached = -1;
      for (const span of row.spans) {
        const from = x_of(span.start_ns);
        const to = Math.max(from + 1, x_of(span.start_ns + span.duration_ns));
        if (to <= reached) continue;
        context.fillRect(Math.max(from, reached), y + bar_inset, to - Math.max(from, reached), height);
        reached = to;
      }
      context.globalAlpha = 1;
      context.fillStyle = text;
      context.fillText(`slowest ${duration(row.slowest_ns / 1e9)}`, Math.min(reached + 6, left + width), y + row_height / 2);
      continue;
    }
    const { span } = row;
    const from = x_of(span.start_ns);
    const to = Math.max(from + 2, x_of(span.start_ns + span.duration_ns));
    context.globalAlpha = chosen === null || span === chosen ? 1 : 0.62;
    context.fillStyle = colour_of(span.service);
    context.fillRect(from, y + bar_inset, to - from, height);
    context.globalAlpha = 1;
    if (span.failed) {
      context.fillStyle = crit;
      context.fillRect(from, y + bar_inset, 3, height);
    }
    // Events: ticks above the bar.
    context.fillStyle = text;
    for (const { at_ns } of (span.events ?? []).slice(0, events_drawn_max)) context.fillRect(x_of(at_ns) - 1, y + bar_inset - 3, 2, 5);
    context.fillStyle = critical;
    for (const [begin, finish] of span.critical) context.fillRect(x_of(begin), y + row_height - bar_inset + 1, Math.max(1, (finish - begin) * scale), 2);
    context.fillStyle = text;
    const time = duration(span.duration_ns / 1e9);
    const label = span.failed && span.status_message ? `${time} · ${span.status_message.slice(0, 40)}` : time;
    // Behind the bar where there is room, else before it, else only the time.
    const label_width = context.measureText(label).width;
    if (to + 6 + label_width < size.width) context.fillText(label, to + 6, y + row_height / 2);
    else if (from - label_width - 6 > left) context.fillText(label, from - label_width - 6, y + row_height / 2);
    else context.fillText(time, to + 6, y + row_height / 2);
  }
  if (lit_ns !== null) {
    context.strokeStyle = accent;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x_of(lit_ns), 0);
    context.lineTo(x_of(lit_ns), size.height);
    context.stroke();
    context.setLineDash([]);
  }
  context.restore();
}
