// One thing, one look: services, times, levels, states.
import type { ComponentChildren } from 'preact';
import { service_color } from '../format/colors';
import { clock, day_and_clock, utc } from '../format/time';

export function ServiceMark({ name, plain }: { name: string; plain?: boolean }) {
  return (
    <span class="service"><span class="sq" style={{ background: service_color(name) }} aria-hidden="true" />{plain ? null : <bdi class="ell">{name || '(no service)'}</bdi>}</span>
  );
}

export function Time({ ms, millis, with_day }: { ms: number; millis?: boolean; with_day?: boolean }) {
  return <time title={utc(ms)} dateTime={Number.isFinite(ms) ? new Date(ms).toISOString() : ''}>{with_day ? day_and_clock(ms, millis) : clock(ms, millis)}</time>;
}

export function StateMark({ state, minor }: { state: string; minor?: boolean }) {
  const [kind, sign, word] = state === 'firing' ? [minor ? 'warn' : 'crit', '▲', 'Firing'] : state === 'pending' ? ['warn', '▲', 'Pending'] : ['ok', '●', 'Quiet'];
  return <span class={`tag ${kind}`}><span class={kind}>{sign} {word}</span></span>;
}

export function LabelChips({ labels, skip = [] }: { labels: Record<string, string>; skip?: string[] }) {
  return (
    <>
      {Object.entries(labels).filter(([name]) => !skip.includes(name)).map(([name, value]) => (
        <span class="chip" key={name}><i>{name}</i> <bdi>{value}</bdi></span>
      ))}
    </>
  );
}

export function Panel({ title, side, children, class: extra = '' }: { title: ComponentChildren; side?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${extra}`}>
      <header><h2>{title}</h2><span class="grow" />{side}</header>
      {children}
    </section>
  );
}
