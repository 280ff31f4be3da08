// One reading of the clock for a whole page: relative ranges are resolved against it, "Run" and live mode take a new one.
import { createContext } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import { resolve_range, type ResolvedRange } from '../state/time_range';
import { useUrl } from '../state/url_state';

export interface Clock {
  now_ms: number;
  refresh(): void;
}

export const ClockContext = createContext<Clock>({ now_ms: Date.now(), refresh: () => {} });

export function useClock(): Clock {
  return useContext(ClockContext);
}

export function useRange(): ResolvedRange {
  const { range } = useUrl();
  const { now_ms } = useClock();
  return useMemo(() => resolve_range(range, now_ms), [range.from, range.to, now_ms]);
}
