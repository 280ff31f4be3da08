// One colour for one service, everywhere: a slot of the ten series colours by hash of the name.
// The hash is FNV-1a from a start value under which the demo shop's services differ.

export const series_slots = 10;
const start = 482703;

export function slot_of(name: string): number {
  let hash = start;
  for (let index = 0; index < name.length; index++) {
    hash ^= name.charCodeAt(index);
    hash = Math.imul(hash, 16777619) >>> 0;
  }
  hash = (hash ^ (hash >>> 15)) >>> 0;
  return (hash % series_slots) + 1;
}

export function series_variable(slot: number): string {
  return `var(--series-${((slot - 1) % series_slots) + 1})`;
}

export function service_color(name: string): string {
  return series_variable(slot_of(name));
}

// Canvas code needs the colour itself, not the name of a variable. The theme decides; see theme.ts.
export function resolved_color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function resolved_slot(slot: number): string {
  return resolved_color(`--series-${((slot - 1) % series_slots) + 1}`);
}

const known_levels: Record<string, string> = {
  fatal: 'fatal', critical: 'fatal', crit: 'fatal', emerg: 'fatal', alert: 'fatal', panic: 'fatal',
  error: 'error', err: 'error', eror: 'error',
  warn: 'warn', warning: 'warn',
  info: 'info', information: 'info', notice: 'info', informational: 'info',
  debug: 'debug', dbug: 'debug', trace: 'trace', verbose: 'trace',
};

export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'unknown';
export const levels: Level[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'];

export function level_of(text: string | undefined): Level {
  return (known_levels[(text ?? '').toLowerCase()] ?? 'unknown') as Level;
}
