// A trace of any size in a strip: time across, levels of the tree down, each cell in the colour of the service that most of
// its spans belong to; red below where spans failed.
import { useCallback } from 'preact/hooks';
import type { TraceOverview, TraceTimeline } from '../api/trace_parts';
import { resolved_color, resolved_slot, slot_of } from '../format/colors';
import { TimeStrip } from './time_strip';
import type { TimeWindow } from './waterfall';

const height = 64;
const errors_height = 4;

export function Timeline({ overview, timeline, window: view, choose }: { overview: TraceOverview; timeline: TraceTimeline; window: TimeWindow; choose(view: TimeWindow | null): void }) {
  const paint = useCallback((context: CanvasRenderingContext2D, width: number) => {
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
  }, [timeline]);
  return <TimeStrip duration_ns={overview.duration_ns} window={view} height={height} choose={choose} paint={paint}
    label="The whole trace, small: services by level and time, failures below. Drag over it to look at a part; double click shows all." />;
}
