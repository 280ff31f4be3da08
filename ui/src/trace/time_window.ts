// The part of a trace's time that is looked at, as the address has it: v=win:from-to, ns since the trace began.
import type { TimeWindow } from './waterfall';

export function read_window(text: string | null, whole_ns: number): TimeWindow {
  const found = /^(\d+)-(\d+)$/.exec(text ?? '');
  const [from_ns, to_ns] = found ? [Number(found[1]), Math.min(Number(found[2]), whole_ns)] : [0, whole_ns];
  return to_ns > from_ns ? { from_ns, to_ns } : { from_ns: 0, to_ns: whole_ns };
}

export function window_text(view: TimeWindow | null): string | null {
  return view && `${Math.round(view.from_ns)}-${Math.round(view.to_ns)}`;
}

// Around a moment; null when it is all of the trace.
export function zoomed_window(view: TimeWindow, middle_ns: number, factor: number, whole_ns: number): TimeWindow | null {
  const half = ((view.to_ns - view.from_ns) * factor) / 2;
  const next = { from_ns: Math.max(0, middle_ns - half), to_ns: Math.min(whole_ns, middle_ns + half) };
  return next.from_ns === 0 && next.to_ns === whole_ns ? null : next;
}
