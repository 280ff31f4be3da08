// The box that finds spans of one trace: by a text in name, service or attributes, or by TraceQL. The server looks, so that
// it makes no difference how much of the trace is here.
import { useEffect, useState } from 'preact/hooks';

export function Find({ text, ask }: { text: string; ask(text: string): void }) {
  const [value, set_value] = useState(text);
  useEffect(() => set_value(text), [text]);
  return (
    <form class="row" role="search" onSubmit={(event) => {
      event.preventDefault();
      ask(value.trim());
    }}>
      <input class="input" type="search" aria-label="Find spans of this trace by a text or by TraceQL" placeholder="Text, or { span.key = 1 }" spellcheck={false} value={value} onInput={(event) => {
        set_value(event.currentTarget.value);
        if (event.currentTarget.value === '') ask('');
      }} />
      <button type="submit" class="btn sm">Find</button>
    </form>
  );
}
