// Shows that queries run for longer than a moment: for how long, what the server has read of what it expects, and a way to
// end them (the button, or Esc). One for the whole page, at its foot, so that nothing moves when it comes and goes.
import { useEffect, useState } from 'preact/hooks';
import { progress_of, type Progress } from '../api/progress';
import { cancel_running, on_running, running_queries } from '../api/running';
import { add_keys } from '../app/keys';
import { bytes, count } from '../format/numbers';

const shown_after_ms = 500;
const asked_every_ms = 400;
const spoken_every_s = 5; // what is seen changes ten times a second; nobody wants to hear that

interface Shown {
  seconds: number;
  queries: number;
  cancelling: boolean;
}

function look(): Shown | null {
  const now = performance.now();
  const long = running_queries().filter(({ began }) => now - began > shown_after_ms);
  if (long.length === 0) return null;
  return { seconds: (now - Math.min(...long.map(({ began }) => began))) / 1000, queries: long.length, cancelling: long.every(({ cancelled }) => cancelled) };
}

export function RunBar() {
  const [shown, set_shown] = useState<Shown | null>(null);
  const [progress, set_progress] = useState<Progress[]>([]);

  useEffect(() => {
    let timer: ReturnType<typeof setInterval> | undefined;
    const tick = () => {
      set_shown(look());
      if (running_queries().length > 0) timer ??= setInterval(tick, 100);
      else {
        clearInterval(timer);
        timer = undefined;
      }
    };
    const stop = on_running(tick);
    tick();
    return () => {
      stop();
      clearInterval(timer);
    };
  }, []);

  const active = shown !== null;
  useEffect(() => {
    if (!active) {
      set_progress([]);
      return undefined;
    }
    const stop = new AbortController();
    const ask = () => void progress_of(running_queries().map(({ id }) => id), stop.signal).then((all) => all.length > 0 && set_progress(all)).catch(() => { /* the next one may come through */ });
    ask();
    const timer = setInterval(ask, asked_every_ms);
    const keys = add_keys((event) => event.key === 'Escape' && cancel_running());
    return () => {
      clearInterval(timer);
      stop.abort();
      keys();
    };
  }, [active]);

  if (!shown) return null;
  const sum = (of: (one: Progress) => number) => progress.reduce((total, one) => total + of(one), 0);
  const [read, priced] = [sum(({ rows_read }) => rows_read), sum(({ rows_priced }) => rows_priced)];
  const share = priced > 0 ? Math.min(1, read / priced) : null;
  const what = read === 0 ? 'waiting for the server'
    : priced > read ? `read ${count(read)} of at most ${count(priced)} rows, ${bytes(sum(({ bytes_read }) => bytes_read))}`
    : `read ${count(read)} rows, ${bytes(sum(({ bytes_read }) => bytes_read))}; evaluating`;
  return (
    <div class="run-bar" role="group" aria-label="Running query">
      <span class="sr" role="status">{shown.cancelling ? 'Cancelling the query' : `A query has been running for ${Math.max(1, Math.floor(shown.seconds / spoken_every_s) * spoken_every_s)} s. Escape cancels it.`}</span>
      <div class={`run-line${share === null ? ' bar-loading' : ''}`} style={share === null ? {} : { transform: `scaleX(${Math.max(0.02, share)})` }} />
      <span class="run-what"><b class="num">{shown.seconds.toFixed(1)} s</b> <span class="t2">{shown.queries > 1 ? `${shown.queries} queries, ` : ''}{shown.cancelling ? 'cancelling …' : what}</span></span>
      <button type="button" class="btn sm" disabled={shown.cancelling} onClick={() => void cancel_running()}>Cancel <kbd class="wide-only">Esc</kbd></button>
    </div>
  );
}
