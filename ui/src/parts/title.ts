// The name of what a view shows, in the browser's tab; the frame's own comes back when the view closes.
import { useEffect } from 'preact/hooks';

export function useTitle(text: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${text.slice(0, 80)} · Obelisk`;
    return () => {
      document.title = before;
    };
  }, [text]);
}
