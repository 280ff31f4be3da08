// A trace whose spans are all here, small: a line a span, in the colour of its service.
import { useCallback } from 'preact/hooks';
import { resolved_slot, slot_of } from '../format/colors';
import { TimeStrip } from './time_strip';
import type { Trace } from './trace_model';
import type { TimeWindow } from './waterfall';

const height = 52;

export function Minimap({ trace, window: view, choose }: { trace: Trace; window: TimeWindow; choose(view: TimeWindow | null): void }) {
  const paint = useCallback((context: CanvasRenderingContext2D, _width: number, scale: number) => {
    const step = Math.min(4, (height - 8) / trace.spans.length);
    const colours = new Map<string, string>();
    trace.spans.forEach((span, index) => {
      if (!colours.has(span.service)) colours.set(span.service, resolved_slot(slot_of(span.service)));
      context.fillStyle = colours.get(span.service)!;
      context.fillRect(span.start_ns * scale, 4 + index * step, Math.max(1, span.duration_ns * scale), Math.max(1, step * 0.8));
    });
  }, [trace]);
  return <TimeStrip duration_ns={trace.duration_ns} window={view} height={height} choose={choose} paint={paint}
    label="The whole trace, small. Drag over it to look at a part; double click shows all." />;
}
