// A query editor. A plain text field at once; the full editor (colours, completion, underlined errors) replaces it as soon as
// its code has arrived, keeping text and focus. Ctrl+Enter runs, Enter too unless Shift makes a new line. While somebody
// types, the server's own parser says what is wrong and where.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CompletionSource, EditorHandle, Language } from './code_editor';
import { parse, type Mistake } from '../api/parse';
import { cancel_running } from '../api/running';
import { store, stored } from '../app/theme';

export interface EditorProps {
  language: Language;
  value: string;
  run(text: string): void;
  completions: CompletionSource;
  error?: string | null; // of running `value`
  // Whether a text is of the language at all: Logs takes plain words too.
  is_code?(text: string): boolean;
  label: string;
  placeholder: string;
}

const history_max = 50;
const history_key = (language: string) => `obelisk.history.${language}`;

export function read_history(language: string): string[] {
  try {
    const list: unknown = JSON.parse(stored(history_key(language)) ?? '[]');
    return Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

function remember(language: string, text: string): void {
  if (text.trim() === '') return;
  store(history_key(language), JSON.stringify([text, ...read_history(language).filter((one) => one !== text)].slice(0, history_max)));
}

const typing_pause_ms = 250;

// What is wrong with `text`, a moment after it stopped changing; the last answer goes when the text does.
function useMistake(language: Language, text: string, is_code: (text: string) => boolean): Mistake | null {
  const [found, set_found] = useState<{ text: string; mistake: Mistake | null } | null>(null);
  useEffect(() => {
    if (!is_code(text)) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      parse(language, text, stop.signal).then((mistake) => set_found({ text, mistake })).catch(() => { /* running it will tell */ });
    }, typing_pause_ms);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [language, text]);
  return found?.text === text ? found.mistake : null;
}

export function Editor({ language, value, run, completions, error, is_code = () => true, label, placeholder }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const handle = useRef<EditorHandle | null>(null);
  const latest = useRef({ run, completions });
  latest.current = { run, completions };
  const [ready, set_ready] = useState(false);
  const [history_open, set_history_open] = useState(false);
  const [text, set_text] = useState(value);
  const mistake = useMistake(language, text, is_code);

  // Where Alt+arrows stand among the queries run before; -1 is what was typed.
  const at_past = useRef(-1);
  const typed = useRef('');
  const past_text = (step: 1 | -1): string | null => {
    const list = read_history(language);
    if (at_past.current < 0) typed.current = handle.current?.text() ?? '';
    const next = at_past.current + step;
    if (next < -1 || next >= list.length) return null;
    at_past.current = next;
    return next < 0 ? typed.current : list[next];
  };

  const execute = (text: string) => {
    at_past.current = -1;
    remember(language, text);
    latest.current.run(text);
  };

  useEffect(() => {
    let gone = false;
    void import('./code_editor').then(({ create_editor }) => create_editor({
      parent: host.current!, language, text: field.current?.value ?? value, label, placeholder,
      run: (text) => execute(text), changed: set_text, escape: cancel_running, past: past_text, completions: (context) => latest.current.completions(context),
    })).then((created) => {
      if (gone) {
        created.destroy();
        return;
      }
      if (field.current && document.activeElement === field.current) created.focus();
      handle.current = created;
      set_ready(true);
    }).catch(() => { /* The plain field stays: it can do all but colour and complete. */ });
    return () => {
      gone = true;
      handle.current?.destroy();
      handle.current = null;
    };
  }, [language]);

  useEffect(() => {
    handle.current?.set_text(value);
    if (field.current && field.current.value !== value) field.current.value = value;
    set_text(value);
  }, [value, ready]);

  // A mistake in the text is told at its place; what went wrong with running it, as long as the text is the one that ran.
  const told = mistake ? `${mistake.place === '' ? '' : `${mistake.place}  `}${mistake.message}` : text === value ? error ?? null : null;
  useEffect(() => handle.current?.mark_error(mistake), [mistake, ready]);

  const past = history_open ? read_history(language) : [];
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!history_open) return undefined;
    const outside = (event: Event) => box.current && !event.composedPath().includes(box.current) && set_history_open(false);
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [history_open]);
  return (
    <div class="editor-box" ref={box} onKeyDown={(event) => {
      if (event.key !== 'Escape' || !history_open) return;
      event.stopPropagation();
      set_history_open(false);
      handle.current?.focus();
    }}>
      <div class="editor">
        <div class="editor-host" ref={host} data-ready={ready} />
        {!ready && (
          <textarea ref={field} class="editor-plain" aria-label={label} placeholder={placeholder} defaultValue={value} rows={1} spellcheck={false}
            data-search onInput={(event) => set_text(event.currentTarget.value)} onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey) return;
              event.preventDefault();
              execute(event.currentTarget.value);
            }} />
        )}
        <button type="button" class="btn ghost sm" aria-expanded={history_open} onClick={() => set_history_open(!history_open)} title="Queries run before (Alt ↑, Alt ↓ in the editor)">History</button>
        <button type="button" class="btn pri sm" onClick={() => execute(handle.current?.text() ?? field.current?.value ?? value)}>Run <kbd class="on-accent wide-only">Enter</kbd></button>
      </div>
      {told && <p class="editor-error mono" role={told === error ? 'alert' : 'status'}><span class="crit">▲</span> {told}</p>}
      {history_open && (
        <ul class="history">
          {past.length === 0 && <li class="t3">Queries you run are kept here, in this browser only.</li>}
          {past.map((text) => (
            <li key={text}><button type="button" class="link mono ell" onClick={() => {
              set_history_open(false);
              execute(text);
            }}>{text}</button></li>
          ))}
        </ul>
      )}
    </div>
  );
}
