// The range: quick relative ones, or two ends typed in. Shows local time, UTC in the title.
import { useEffect, useRef, useState } from 'preact/hooks';
import { autoUpdate, computePosition, flip, offset, shift } from '@floating-ui/dom';
import { range_text, utc, zone_name } from '../format/time';
import { is_relative, parse_time } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { useClock, useRange } from './clock';

const quick: [string, string][] = [
  ['now-5m', '5 minutes'], ['now-15m', '15 minutes'], ['now-30m', '30 minutes'], ['now-1h', '1 hour'], ['now-3h', '3 hours'],
  ['now-6h', '6 hours'], ['now-12h', '12 hours'], ['now-1d', '1 day'], ['now-7d', '7 days'],
];

function local_input(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

export function TimePicker() {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const [open, set_open] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const relative = is_relative(url.range.from) && url.range.to === 'now';
  const name = quick.find(([from]) => from === url.range.from)?.[1] ?? url.range.from.replace('now-', '');

  useEffect(() => {
    if (!open || !button.current || !panel.current) return undefined;
    const [anchor, floating] = [button.current, panel.current];
    const stop = autoUpdate(anchor, floating, () => {
      void computePosition(anchor, floating, { placement: 'bottom-end', middleware: [offset(6), flip(), shift({ padding: 8 })] })
        .then(({ x, y }) => Object.assign(floating.style, { left: `${x}px`, top: `${y}px` }));
    });
    const outside = (event: PointerEvent) => {
      if (!event.composedPath().includes(floating) && !event.composedPath().includes(anchor)) set_open(false);
    };
    document.addEventListener('pointerdown', outside);
    floating.querySelector<HTMLElement>('button')?.focus();
    return () => {
      stop();
      document.removeEventListener('pointerdown', outside);
    };
  }, [open]);

  const choose = (from: string, to: string) => {
    url.set({ from, to, live: to === 'now' ? undefined : null });
    clock.refresh();
    set_open(false);
    button.current?.focus();
  };

  return (
    <>
      <button class="btn" type="button" ref={button} aria-haspopup="dialog" aria-expanded={open} onClick={() => set_open(!open)}
        title={`${utc(range.from_ms)} – ${utc(range.to_ms)}`}>
        {relative ? <span>Last {name}</span> : <span>{range_text(range.from_ms, range.to_ms)}</span>}
        <span class="t3">{zone_name(range.to_ms)}</span>
      </button>
      {open && (
        <div class="popover picker" role="dialog" aria-label="Time range" ref={panel}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            event.stopPropagation();
            set_open(false);
            button.current?.focus();
          }}>
          <div class="picker-quick">
            {quick.map(([from, text]) => (
              <button key={from} type="button" class={`btn ghost sm${url.range.from === from && relative ? ' on' : ''}`} onClick={() => choose(from, 'now')}>Last {text}</button>
            ))}
          </div>
          <Absolute from={relative ? url.range.from : local_input(range.from_ms)} to={relative ? 'now' : local_input(range.to_ms)} choose={choose} now_ms={clock.now_ms} />
        </div>
      )}
    </>
  );
}

function Absolute({ from, to, choose, now_ms }: { from: string; to: string; choose(from: string, to: string): void; now_ms: number }) {
  const [error, set_error] = useState('');
  return (
    <form class="picker-form" onSubmit={(event) => {
      event.preventDefault();
      const data = new FormData(event.currentTarget);
      const ends = ['from', 'to'].map((name) => String(data.get(name)).trim());
      const times = ends.map((text) => parse_time(text, now_ms));
      if (times[0] === null || times[1] === null) set_error('Use "now-15m", or a time such as 2026-05-03 06:26:30.');
      else if (times[0] >= times[1]) set_error('The range must begin before it ends.');
      else choose(...(ends.map((text, index) => (is_relative(text) ? text.replace(/\s/g, '') : new Date(times[index]!).toISOString())) as [string, string]));
    }}>
      <label>From <input class="input mono" name="from" defaultValue={from} autocomplete="off" /></label>
      <label>To <input class="input mono" name="to" defaultValue={to} autocomplete="off" /></label>
      <p class="xs t3">Local time ({zone_name()}), "now", or "now-15m"; with a Z at the end, UTC.</p>
      {error && <p class="s crit" role="alert">▲ {error}</p>}
      <button class="btn pri" type="submit">Set range</button>
    </form>
  );
}
