// The live tail of a query.
import { useEffect, useRef, useState } from 'preact/hooks';
import { tail, type LogLine } from '../api/loki';

export interface Following {
  lines: LogLine[];
  uncounted: number;
  ended: string | null;
  paused: boolean;
  waiting: number;
  pause(on: boolean): void;
}

const kept_lines_max = 5000;
const flush_ms = 250;
const drawn_per_flush = 125; // 500 lines a second

// New lines, newest first. At most 500 a second are kept, the rest is counted. Paused, they wait.
export function useTail(query: string, on: boolean, from_ms: number): Following {
  const [lines, set_lines] = useState<LogLine[]>([]);
  const [state, set_state] = useState({ uncounted: 0, waiting: 0, ended: null as string | null });
  const [paused, set_paused] = useState(false);
  const paused_now = useRef(false);
  paused_now.current = paused;
  useEffect(() => {
    set_lines([]);
    set_state({ uncounted: 0, waiting: 0, ended: null });
    set_paused(false);
    if (!on) return undefined;
    let buffer: LogLine[] = [];
    let dropped = 0;
    const close = tail(query, from_ms, (fresh) => {
      buffer.push(...fresh);
      if (buffer.length > kept_lines_max) {
        dropped += buffer.length - kept_lines_max;
        buffer = buffer.slice(-kept_lines_max);
      }
    }, (why) => set_state((old) => ({ ...old, ended: why })));
    const timer = setInterval(() => {
      if (paused_now.current || buffer.length === 0) {
        if (buffer.length > 0) set_state((old) => ({ ...old, waiting: buffer.length }));
        return;
      }
      const sorted = buffer.sort((left, right) => right.time_ms - left.time_ms);
      dropped += Math.max(0, sorted.length - drawn_per_flush);
      const drawn = sorted.slice(0, drawn_per_flush);
      buffer = [];
      set_lines((old) => [...drawn, ...old].slice(0, kept_lines_max));
      set_state((old) => ({ ...old, uncounted: dropped, waiting: 0 }));
    }, flush_ms);
    return () => {
      clearInterval(timer);
      close();
    };
  }, [query, on]);
  return { lines, ...state, paused, pause: set_paused };
}
