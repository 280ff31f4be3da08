// A strip of a trace's whole time with the chosen window clear and the rest dimmed: drag chooses the window, a double click
// shows all again. What the strip shows is painted by its user.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { on_theme_change } from '../app/theme';
import { resolved_color } from '../format/colors';
import { prepare_canvas, type TimeWindow } from './waterfall';
import css from '../views/trace.module.css';

interface Props {
  duration_ns: number;
  window: TimeWindow;
  height: number;
  label: string;
  choose(view: TimeWindow | null): void;
  paint(context: CanvasRenderingContext2D, width: number, scale: number): void; // keep its identity while it paints the same
}

export function TimeStrip({ duration_ns, window: view, height, label, choose, paint }: Props): ComponentChildren {
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
  const scale = width / Math.max(1, duration_ns);
  useLayoutEffect(() => {
    if (width === 0 || !canvas.current) return;
    const context = prepare_canvas(canvas.current, width, height);
    paint(context, width, scale);
    const [from, to] = drag ? [Math.min(...drag), Math.max(...drag)] : [view.from_ns * scale, view.to_ns * scale];
    context.fillStyle = resolved_color('--surface-0');
    context.globalAlpha = 0.65;
    context.fillRect(0, 0, from, height);
    context.fillRect(to, 0, width - to, height);
    context.globalAlpha = 1;
    context.fillStyle = resolved_color('--accent');
    context.fillRect(Math.max(0, from), 0, 2, height);
    context.fillRect(Math.min(width - 2, to - 2), 0, 2, height);
  }, [paint, width, height, view, drag, theme, scale]);
  const place = (event: PointerEvent) => Math.max(0, Math.min(width, event.clientX - canvas.current!.getBoundingClientRect().left));
  return (
    <div>
      <canvas class={css.minimap} style={{ height: `${height}px` }} ref={canvas} role="img" aria-label={label}
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
