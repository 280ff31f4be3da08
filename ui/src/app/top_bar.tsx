// Title, search, time range, live, copy link, theme.
import { useEffect, useState } from 'preact/hooks';
import { useUrl } from '../state/url_state';
import { freeze_range, scale_range, shift_range } from '../state/time_range';
import { useClock, useRange } from './clock';
import { add_keys } from './keys';
import { apply_theme, current_theme, type Theme } from './theme';
import { TimePicker } from './time_picker';
import { toast } from '../parts/toast';

export async function copy_link(now_ms: number, keep_relative: boolean): Promise<void> {
  const address = new URL(window.location.href);
  if (!keep_relative) {
    const range = { from: address.searchParams.get('from') ?? 'now-15m', to: address.searchParams.get('to') ?? 'now' };
    const frozen = freeze_range(range, now_ms);
    address.searchParams.set('from', frozen.from);
    address.searchParams.set('to', frozen.to);
    address.searchParams.delete('live');
  }
  try {
    await navigator.clipboard.writeText(address.toString());
    toast(keep_relative ? 'Link copied, with its relative range.' : 'Link copied, with absolute times.');
  } catch {
    toast('The browser does not allow copying here. The address bar holds the link.');
  }
}

export function TopBar({ title, open_palette }: { title: string; open_palette(): void }) {
  const url = useUrl();
  const range = useRange();
  const clock = useClock();
  const live = url.params.get('live') === '1';
  const toggle_live = () => {
    url.set(live ? { live: null } : { live: '1', ...(url.range.to === 'now' ? {} : { from: 'now-15m', to: 'now' }) });
    clock.refresh();
  };

  useEffect(() => add_keys((event) => {
    if (event.key === ',') url.set({ ...shift_range(range, -0.5), live: null });
    else if (event.key === '.') url.set({ ...shift_range(range, 0.5), live: null });
    else if (event.key === '<') url.set(scale_range(url.range, clock.now_ms, 0.5));
    else if (event.key === '>' || event.key === 'Z') url.set(scale_range(url.range, clock.now_ms, 2));
    else if (event.key === 'L') toggle_live();
    else if (event.key === 'y') void copy_link(clock.now_ms, false);
    else return false;
    return true;
  }));

  return (
    <header class="bar">
      <h1>{title}</h1>
      <span class="grow" />
      <button class="find" type="button" onClick={open_palette} title="Search, paste an id, run a command">
        <span class="grow">Search, paste an id</span><kbd>Ctrl K</kbd>
      </button>
      <div class="group">
        <button class="btn" type="button" aria-label="Half a range back" title="Back ( , )" onClick={() => url.set({ ...shift_range(range, -0.5), live: null })}>‹</button>
        <TimePicker />
        <button class="btn" type="button" aria-label="Half a range forward" title="Forward ( . )" onClick={() => url.set({ ...shift_range(range, 0.5), live: null })}>›</button>
      </div>
      <button class={`btn${live ? ' on' : ''}`} type="button" aria-pressed={live} onClick={toggle_live} title="Follow the present (Shift L)">
        <span class={`dot ${live ? 'dot-live' : 'dot-still'}`} /> Live
      </button>
      <button class="btn wide-only" type="button" title="With absolute times (y); with Shift, as it is"
        onClick={(event) => void copy_link(clock.now_ms, event.shiftKey)}>Copy link</button>
      <ThemeButton />
    </header>
  );
}

const next_theme: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const theme_marks: Record<Theme, string> = { auto: '◐', light: '○', dark: '●' };

function ThemeButton() {
  const [theme, set_theme] = useState(current_theme());
  return (
    <button class="btn" type="button" aria-label={`Theme: ${theme}. Switch to ${next_theme[theme]}`} title={`Theme: ${theme}`}
      onClick={() => {
        apply_theme(next_theme[theme]);
        set_theme(next_theme[theme]);
      }}>
      <span aria-hidden="true">{theme_marks[theme]}</span>
    </button>
  );
}

