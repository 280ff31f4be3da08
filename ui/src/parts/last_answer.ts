// What a view shows when a query fails: the answer before it, marked old, as long as the view is open.
import { useRef } from 'preact/hooks';
import { Cancelled } from '../api/running';

export interface LastAnswer<T> {
  data: T | undefined;
  old: boolean; // it answers a query before the one that failed
}

export function useLastAnswer<T>(data: T | undefined, error: unknown): LastAnswer<T> {
  const last = useRef<T | undefined>(undefined);
  if (data !== undefined) last.current = data;
  const failed = data === undefined && error !== null && error !== undefined && !(error instanceof Cancelled);
  return failed && last.current !== undefined ? { data: last.current, old: true } : { data, old: false };
}
