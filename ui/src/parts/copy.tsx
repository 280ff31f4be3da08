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
    }}>⧉</button>
  );
}
