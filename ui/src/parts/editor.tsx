// A query editor. A plain text field at once; the full editor (colours, completion, underlined errors) replaces it as soon as
// its code has arrived, keeping text and focus. Ctrl+Enter runs, Enter too unless Shift makes a new line.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CompletionSource, EditorHandle, Language } from './code_editor';
import { error_offset } from '../api/http';
import { store, stored } from '../app/theme';

export interface EditorProps {
  language: Language;
  value: string;
  run(text: string): void;
  completions: CompletionSource;
  error?: string | null;
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

export function Editor({ language, value, run, completions, error, label, placeholder }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const handle = useRef<EditorHandle | null>(null);
  const latest = useRef({ run, completions });
  latest.current = { run, completions };
  const [ready, set_ready] = useState(false);
  const [history_open, set_history_open] = useState(false);

  const execute = (text: string) => {
    remember(language, text);
    latest.current.run(text);
  };

  useEffect(() => {
    let gone = false;
    void import('./code_editor').then(({ create_editor }) => create_editor({
      parent: host.current!, language, text: field.current?.value ?? value, label, placeholder,
      run: (text) => execute(text), completions: (context) => latest.current.completions(context),
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
  }, [value, ready]);

  useEffect(() => {
    handle.current?.mark_error(error ? { offset: error_offset(error, value) ?? 0, whole: error_offset(error, value) === null, message: error } : null);
  }, [error, ready, value]);

  const past = history_open ? read_history(language) : [];
  return (
    <div class="editor-box">
      <div class="editor">
        <div class="editor-host" ref={host} data-ready={ready} />
        {!ready && (
          <textarea ref={field} class="editor-plain" aria-label={label} placeholder={placeholder} defaultValue={value} rows={1} spellcheck={false}
            data-search onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey) return;
              event.preventDefault();
              execute(event.currentTarget.value);
            }} />
        )}
        <button type="button" class="btn ghost sm" aria-expanded={history_open} onClick={() => set_history_open(!history_open)} title="Queries run before">History</button>
        <button type="button" class="btn pri sm" onClick={() => execute(handle.current?.text() ?? field.current?.value ?? value)}>Run <kbd class="on-accent wide-only">Enter</kbd></button>
      </div>
      {error && <p class="editor-error mono" role="alert"><span class="crit">▲</span> {error}</p>}
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
