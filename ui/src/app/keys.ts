// Keys that work everywhere. Single letters act outside inputs only, and only without modifiers.
import { stored } from './theme';

export interface KeyActions {
  palette(): void;
  help(): void;
  go(key: string): void;
}

export type KeyHandler = (event: KeyboardEvent) => boolean;
const handlers = new Set<KeyHandler>();

// Keys of a view: called before the common ones; returning true ends it.
export function add_keys(handler: KeyHandler): () => void {
  handlers.add(handler);
  return () => handlers.delete(handler);
}

export function single_keys_off(): boolean {
  return stored('obelisk.single_keys') === 'off';
}

export function is_typing(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

const chord_ms = 1200;

export function install_keys(actions: KeyActions): () => void {
  let chord_until = 0;
  const listener = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      actions.palette();
      return;
    }
    if (event.defaultPrevented || is_typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('dialog[open]')) return;
    if (single_keys_off() && event.key.length === 1) return;
    if (performance.now() < chord_until) {
      chord_until = 0;
      event.preventDefault();
      actions.go(event.key);
      return;
    }
    if (event.key === 'g') {
      chord_until = performance.now() + chord_ms;
      return;
    }
    for (const handler of [...handlers].reverse()) {
      if (!handler(event)) continue;
      event.preventDefault();
      return;
    }
    if (event.key === '?') actions.help();
    else if (event.key === '/') {
      const field = document.querySelector<HTMLElement>('[data-search]');
      if (!field) return;
      field.focus();
    } else return;
    event.preventDefault();
  };
  document.addEventListener('keydown', listener);
  return () => document.removeEventListener('keydown', listener);
}
