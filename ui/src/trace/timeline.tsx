// A trace of any size in a strip: time across, levels of the tree down, each cell in the colour of the service that most of
// its spans belong to; red below where spans failed. Drag chooses the window, a double click shows all again.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TraceOverview, TraceTimeline } from '../api/trace_parts';
import { on_theme_change } from '../app/theme';
import { resolved_color, resolved_slot, slot_of } from '../format/colors';
import { prepare_canvas, type TimeWindow } from './waterfall';
import css from '../views/trace.module.css';

const height = 64;
const errors_height = 4;

export function Timeline({ overview, timeline, window: view, choose }: { overview: TraceOverview; timeline: TraceTimeline; window: TimeWindow; choose(view: TimeWindow | null): void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, set_width] = useState(0);
  const [theme, set_theme] = useState(0);
  const [drag, set_drag] = useState<[number, number] | null>(null);
  useEffect(() => on_theme_change(() => set_theme((count) => count + 1)), []);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => set_width(Math.floor(entry.contentRect.width)));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  const scale = width / Math.max(1, overview.duration_ns);
  useLayoutEffect(() => {
    if (width === 0 || !canvas.current) return;
    const context = prepare_canvas(canvas.current, width, height);
    const colours = timeline.services.map((service) => resolved_slot(slot_of(service)));
    const other = resolved_color('--text-3');
    const columns = timeline.spans.length;
    const row = (height - errors_height - 4) / Math.max(1, timeline.levels.length);
    timeline.levels.forEach((services, level) => {
      let first = 0;
      for (let column = 1; column <= columns; column++) {
        if (column < columns && services[column] === services[first]) continue;
        if (services[first] !== -1) {
          context.fillStyle = colours[services[first]] ?? other;
          context.fillRect((first / columns) * width, 2 + level * row, ((column - first) / columns) * width, Math.max(1, row - (row > 3 ? 1 : 0)));
        }
        first = column;
      }
    });
    const most = Math.max(1, ...timeline.errors);
    context.fillStyle = resolved_color('--status-crit');
    timeline.errors.forEach((errors, column) => {
      if (errors === 0) return;
      context.globalAlpha = 0.4 + 0.6 * (errors / most);
      context.fillRect((column / columns) * width, height - errors_height, Math.max(1, width / columns), errors_height);
    });
    context.globalAlpha = 1;
    const [from, to] = drag ? [Math.min(...drag), Math.max(...drag)] : [view.from_ns * scale, view.to_ns * scale];
    context.fillStyle = resolved_color('--surface-0');
    context.globalAlpha = 0.65;
    context.fillRect(0, 0, from, height);
    context.fillRect(to, 0, width - to, height);
    context.globalAlpha = 1;
    context.fillStyle = resolved_color('--accent');
    context.fillRect(Math.max(0, from), 0, 2, height);
    context.fillRect(Math.min(width - 2, to - 2), 0, 2, height);
  }, [timeline, width, view, drag, theme, scale]);
  const place = (event: PointerEvent) => Math.max(0, Math.min(width, event.clientX - canvas.current!.getBoundingClientRect().left));
  return (
    <div>
      <canvas class={css.minimap} style={{ height: `${height}px` }} ref={canvas} role="img" aria-label="The whole trace, small: services by level and time, failures below. Drag over it to look at a part; double click shows all."
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          set_drag([place(event), place(event)]);
        }}
        onPointerMove={(event) => drag && set_drag([drag[0], place(event)])}
        onPointerUp={(event) => {
          if (!drag) return;
          const [from, to] = [Math.min(drag[0], place(event)), Math.max(drag[0], place(event))];
          set_drag(null);
          if (to - from > width * 0.01) choose({ from_ns: from / scale, to_ns: to / scale });
        }}
        onDblClick={() => choose(null)} />
    </div>
  );
}
