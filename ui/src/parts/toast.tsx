// Short words about what was just done, spoken politely.
import { useEffect, useState } from 'preact/hooks';

let show: ((text: string) => void) | null = null;

export function toast(text: string): void {
  show?.(text);
}

export function Toasts() {
  const [text, set_text] = useState('');
  useEffect(() => {
    show = set_text;
    return () => {
      show = null;
    };
  }, []);
  useEffect(() => {
    if (!text) return undefined;
    const timer = setTimeout(() => set_text(''), 4000);
    return () => clearTimeout(timer);
  }, [text]);
  return <div class="toast-place" role="status">{text && <div class="toast">{text}</div>}</div>;
}
