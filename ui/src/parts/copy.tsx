// A small button that puts a text on the clipboard, and says whether it did.
import { toast } from './toast';

export async function copy_text(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    toast('The browser does not allow copying here. Select the text instead.');
  }
}

export function Copy({ text, what }: { text: string; what: string }) {
  return (
    <button type="button" class="btn ghost copy" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={(event) => {
      event.stopPropagation();
      void copy_text(text, what[0].toUpperCase() + what.slice(1));
    }}>
      <svg class="icon" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true"><rect x="1" y="3.5" width="7.5" height="7.5" rx="1" /><path d="M4 1h6a1 1 0 0 1 1 1v6" /></svg>
    </button>
  );
}
