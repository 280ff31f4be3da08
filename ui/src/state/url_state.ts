// The URL is the state. Every view reads its query string here and writes it by changing parameters; links to other views
// are built here as well, so that one table decides what a pivot carries along.
// Keys: from, to (range), q (queries of this view, repeated), f (filters), at (one datum), sel, v (view options,
// "name:value", repeated), trace, span (logs of a trace), live.
import { useMemo } from 'preact/hooks';
import { useLocation, useSearch } from 'wouter';
import { default_range, type TimeRange } from './time_range';

export type Patch = Record<string, string | string[] | null | undefined>;

// Order of keys in a written URL; unknown keys follow. Values are encoded so that the URL stays readable.
const key_order = ['from', 'to', 'f', 'q', 'trace', 'span', 'sel', 'at', 'v', 'live'];

function encode(value: string): string {
  return encodeURIComponent(value).replace(/%20/g, '+').replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/');
}

export function write_query(params: URLSearchParams): string {
  const keys = [...new Set(params.keys())].sort((left, right) => {
    const place = (key: string) => (key_order.includes(key) ? key_order.indexOf(key) : key_order.length);
    return place(left) - place(right) || left.localeCompare(right);
  });
  return keys.flatMap((key) => params.getAll(key).map((value) => `${encode(key)}=${encode(value)}`)).join('&');
}

export function patch_query(search: string, patch: Patch): string {
  const params = new URLSearchParams(search);
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    params.delete(key);
    if (value === null || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(key, one);
  }
  return write_query(params);
}

export function link(path: string, patch: Patch): string {
  const query = patch_query('', patch);
  return query ? `${path}?${query}` : path;
}

export interface UrlState {
  path: string;
  params: URLSearchParams;
  range: TimeRange;
  option(name: string): string | null;
  set(patch: Patch, how?: { replace?: boolean }): void;
  set_option(name: string, value: string | null, how?: { replace?: boolean }): void;
  go(path: string, patch: Patch): void;
  // A link to another view that keeps the range unless the patch says otherwise.
  to(path: string, patch?: Patch): string;
}

export function read_option(params: URLSearchParams, name: string): string | null {
  const found = params.getAll('v').find((one) => one.startsWith(`${name}:`));
  return found === undefined ? null : found.slice(name.length + 1);
}

export function with_option(params: URLSearchParams, name: string, value: string | null): string[] {
  const others = params.getAll('v').filter((one) => !one.startsWith(`${name}:`));
  return value === null ? others : [...others, `${name}:${value}`];
}

export function useUrl(): UrlState {
  const [path, navigate] = useLocation();
  const search = useSearch();
  return useMemo(() => {
    const params = new URLSearchParams(search);
    const range = { from: params.get('from') ?? default_range.from, to: params.get('to') ?? default_range.to };
    const carried: Patch = { from: params.get('from'), to: params.get('to') };
    const write = (patch: Patch, how?: { replace?: boolean }) => {
      const query = patch_query(window.location.search, patch);
      navigate(query ? `${path}?${query}` : path, { replace: how?.replace ?? false });
    };
    return {
      path,
      params,
      range,
      option: (name: string) => read_option(params, name),
      set: write,
      set_option: (name: string, value: string | null, how?: { replace?: boolean }) =>
        write({ v: with_option(new URLSearchParams(window.location.search), name, value) }, how),
      go: (target: string, patch: Patch) => navigate(link(target, patch)),
      to: (target: string, patch: Patch = {}) => link(target, { ...carried, ...patch }),
    };
  }, [path, search, navigate]);
}
