// Theme: dark, light or as the system says; kept in the browser. Canvases listen for changes, since they hold colours.
export type Theme = 'auto' | 'dark' | 'light';

const storage_key = 'obelisk.theme';
const listeners = new Set<() => void>();

export function stored(key: string): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null; // storage may be forbidden; then nothing is remembered
  }
}

export function store(key: string, value: string): void {
  try {
    window.localStorage.setItem(key, value);
  } catch {
    // as above
  }
}

export function current_theme(): Theme {
  const theme = stored(storage_key);
  return theme === 'dark' || theme === 'light' ? theme : 'auto';
}

export function apply_theme(theme: Theme = current_theme()): void {
  store(storage_key, theme);
  document.documentElement.dataset.theme = theme;
  listeners.forEach((listener) => listener());
}

export function is_light(): boolean {
  const theme = current_theme();
  return theme === 'light' || (theme === 'auto' && window.matchMedia('(prefers-color-scheme: light)').matches);
}

export function on_theme_change(listener: () => void): () => void {
  listeners.add(listener);
  const media = window.matchMedia('(prefers-color-scheme: light)');
  media.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    media.removeEventListener('change', listener);
  };
}
