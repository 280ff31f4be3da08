// Scrape targets by pool, as the Targets view shows them: what fails first, and what a filter leaves.
import type { DroppedTarget, Target, TargetReport } from '../api/prometheus';

export type Health = 'up' | 'down' | 'unknown';
export const healths: Health[] = ['down', 'unknown', 'up'];

export interface PoolTarget {
  key: string; // the same after a refresh: pool and address, and a number where two targets share both
  health: Health;
  last_scrape_ms: number | null; // null: not scraped yet
  target: Target;
}

export interface Pool {
  name: string;
  up: number;
  targets: PoolTarget[]; // down first, then those not scraped yet; by address within
  dropped: number;
}

export function health_of(text: string): Health {
  return text === 'up' || text === 'down' ? text : 'unknown';
}

// The server writes the year 1 for "never".
export function scrape_time(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

const by_text = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

// Every pool there is, those with a target down first; a pool without targets is there too.
export function pools_of(report: TargetReport): Pool[] {
  const pools = new Map<string, Pool>();
  const pool_of = (name: string) => {
    let pool = pools.get(name);
    if (!pool) pools.set(name, pool = { name, up: 0, targets: [], dropped: 0 });
    return pool;
  };
  for (const [name, count] of Object.entries(report.droppedTargetCounts)) pool_of(name).dropped = count;
  const seen = new Map<string, number>();
  for (const target of report.activeTargets) {
    const pool = pool_of(target.scrapePool);
    const place = `${target.scrapePool} ${target.scrapeUrl}`;
    const before = seen.get(place) ?? 0;
    seen.set(place, before + 1);
    const health = health_of(target.health);
    if (health === 'up') pool.up++;
    pool.targets.push({ key: before === 0 ? place : `${place} ${before + 1}`, health, last_scrape_ms: scrape_time(target.lastScrape), target });
  }
  const rank = ({ health }: PoolTarget) => healths.indexOf(health);
  for (const pool of pools.values()) pool.targets.sort((left, right) => rank(left) - rank(right) || by_text(left.target.scrapeUrl, right.target.scrapeUrl));
  const fails = ({ targets }: Pool) => Number(targets[0]?.health === 'down');
  return [...pools.values()].sort((left, right) => fails(right) - fails(left) || by_text(left.name, right.name));
}

export function count_by_health(pools: Pool[]): Record<Health, number> {
  const counts = { up: 0, down: 0, unknown: 0 };
  for (const { targets } of pools) for (const { health } of targets) counts[health]++;
  return counts;
}

// Every word must stand somewhere, in upper or lower case.
function has_words(text: string, words: string): boolean {
  const where = text.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => where.includes(word));
}

const label_text = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join('\n');

export function fits({ target, health }: PoolTarget, words: string, state: Health | null): boolean {
  if (state !== null && health !== state) return false;
  return words.trim() === '' || has_words([target.scrapePool, target.scrapeUrl, target.lastError, label_text(target.labels)].join('\n'), words.trim());
}

export function dropped_fits({ scrapePool, discoveredLabels }: DroppedTarget, words: string): boolean {
  return words.trim() === '' || has_words(`${scrapePool}\n${label_text(discoveredLabels)}`, words.trim());
}
