// Ctrl K: paste a trace id, traceparent or a link and it goes there; otherwise views, services, metrics and commands.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useQuery } from '@tanstack/react-query';
import uFuzzy from '@leeoniya/ufuzzy';
import { useLocation } from 'wouter';
import { label_values } from '../api/prometheus';
import { span_red_queries, traceql_of_service } from '../state/pivots';
import { rate_window } from '../state/time_range';
import { useUrl } from '../state/url_state';
import { apply_theme } from './theme';
import { useClock, useRange } from './clock';
import { copy_link } from './top_bar';
import { useLogSelector, useServices } from '../parts/services';
import type { View } from './views';

interface Item {
  kind: string;
  text: string;
  then: string;
  run(): void;
}

// What was pasted, when it is an id, a traceparent header, a link to this server or a query.
export function pasted_target(text: string): { what: string; path: string } | null {
  const trimmed = text.trim();
  const parent = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/i.exec(trimmed);
  if (parent) return { what: 'traceparent', path: `/traces/${parent[1].toLowerCase()}?at=${parent[2].toLowerCase()}` };
  if (/^([0-9a-f]{32}|[0-9a-f]{16})$/i.test(trimmed)) return { what: 'trace id', path: `/traces/${trimmed.toLowerCase().padStart(32, '0')}` };
  if (/^https?:\/\//.test(trimmed)) {
    try {
      const link = new URL(trimmed);
      return link.origin === window.location.origin ? { what: 'link', path: link.pathname.replace(/^\/ui(?=\/|$)/, '') + link.search } : null;
    } catch {
      return null;
    }
  }
  return null;
}

const shown_max = 40;

export default function Palette({ close, views }: { close(): void; views: View[] }) {
  const [text, set_text] = useState('');
  const [chosen, set_chosen] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [, navigate] = useLocation();
  const url = useUrl();
  const clock = useClock();
  const range = useRange();
  const services = useServices(range);
  const log_selector = useLogSelector(range);
  const metrics = useQuery({ queryKey: ['metric names'], queryFn: ({ signal }) => label_values('__name__', undefined, undefined, signal), staleTime: 60_000 });
  useEffect(() => dialog.current?.showModal(), []);

  const items = useMemo<Item[]>(() => [
    ...views.map((view) => ({ kind: 'View', text: view.name, then: `g ${view.key}`, run: () => navigate(url.to(view.path)) })),
    ...services.flatMap((service) => [
      { kind: 'Service', text: service, then: 'its traces', run: () => navigate(url.to('/traces', { q: traceql_of_service(service) })) },
      { kind: 'Service', text: `${service}: lines`, then: 'its log lines', run: () => navigate(url.to('/logs', { q: log_selector(service) })) },
      { kind: 'Service', text: `${service}: metrics`, then: 'rate, errors, p99', run: () => navigate(url.to('/metrics', { q: span_red_queries(service, null, rate_window(range)) })) },
    ]),
    { kind: 'Command', text: 'Scrape targets that are down', then: '', run: () => navigate(url.to('/targets', { v: ['state:down'] })) },
    { kind: 'Command', text: 'Copy link with absolute times', then: 'y', run: () => void copy_link(clock.now_ms, false) },
    ...(['dark', 'light', 'auto'] as const).map((theme) => ({ kind: 'Command', text: `Theme: ${theme}`, then: '', run: () => apply_theme(theme) })),
    ...[['5m', '5 minutes'], ['15m', '15 minutes'], ['1h', '1 hour'], ['6h', '6 hours'], ['1d', '1 day']].map(([span, words]) => ({
      kind: 'Range', text: `Last ${words}`, then: '', run: () => url.set({ from: `now-${span}`, to: 'now' }) })),
    ...(metrics.data ?? []).map((name) => ({ kind: 'Metric', text: name, then: 'chart it', run: () => navigate(url.to('/metrics', { q: name })) })),
  ], [views, services, metrics.data, url, log_selector]);

  const matches = useMemo<Item[]>(() => {
    const target = pasted_target(text);
    const first: Item[] = target ? [{ kind: 'Go to', text: target.what, then: 'Enter', run: () => navigate(target.path) }] : [];
    if (/^\s*\{.*(resource|span|name|status|duration)\b/.test(text)) first.push({ kind: 'Query', text: 'Run as TraceQL', then: '', run: () => navigate(url.to('/traces', { q: text })) });
    if (/^\s*\{/.test(text)) first.push({ kind: 'Query', text: 'Run as LogQL', then: '', run: () => navigate(url.to('/logs', { q: text })) });
    else if (/[({]/.test(text)) first.push({ kind: 'Query', text: 'Run as PromQL', then: '', run: () => navigate(url.to('/metrics', { q: text })) });
    if (text.trim() === '') return items.slice(0, shown_max);
    const fuzzy = new uFuzzy({ intraMode: 1 });
    const [found, info, order] = fuzzy.search(items.map((item) => `${item.text} ${item.kind}`), text, 1);
    const ranked = order && info ? order.map((place) => items[info.idx[place]]) : (found ?? []).map((index) => items[index]);
    return [...first, ...ranked.slice(0, shown_max)];
  }, [text, items]);

  const run = (item: Item | undefined) => {
    if (!item) return;
    dialog.current?.close();
    item.run();
  };
  return (
    <dialog class="dialog palette" ref={dialog} onClose={close} aria-label="Search and commands">
      <input class="input" autofocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={`palette-${chosen}`}
        aria-label="Search" placeholder="Paste an id or a query, or type a name" value={text}
        onInput={(event) => {
          set_text(event.currentTarget.value);
          set_chosen(0);
        }}
        onKeyDown={(event) => {
          const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
          if (step !== 0) {
            event.preventDefault();
            const next = Math.max(0, Math.min(matches.length - 1, chosen + step));
            set_chosen(next);
            list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
          } else if (event.key === 'Enter') {
            event.preventDefault();
            run(matches[chosen]);
          }
        }} />
      <ul id="palette-list" role="listbox" aria-label="Results" ref={list}>
        {matches.map((item, index) => (
          <li id={`palette-${index}`} key={`${item.kind} ${item.text}`} role="option" aria-selected={index === chosen} onClick={() => run(item)} onMouseMove={() => set_chosen(index)}>
            <span class="kind">{item.kind}</span><bdi class="ell">{item.text}</bdi><span class="then">{item.then}</span>
          </li>
        ))}
        {matches.length === 0 && <li role="option" aria-selected="false" class="t3">Nothing has this name. Paste a trace id of 32 digits, or a query.</li>}
      </ul>
    </dialog>
  );
}
