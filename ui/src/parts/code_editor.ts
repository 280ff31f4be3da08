// The full editor, loaded when a query view opens. It lives in a shadow root: there its style sheets are adopted objects
// instead of <style> elements, which the content security policy would refuse.
import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, LanguageSupport, LRLanguage, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap, placeholder as placeholder_extension } from '@codemirror/view';
import { styleTags, tags } from '@lezer/highlight';
import type { LRParser } from '@lezer/lr';

export type Language = 'promql' | 'logql' | 'traceql';

// What may follow at the caret: filled by the views from live names and values.
export interface CaretContext {
  before: string;
  // Inside a string after name= (or an operator like it): the name. Inside braces outside a string: ''. Elsewhere: null.
  value_of: string | null;
  in_braces: boolean;
  word: string;
}
export interface Suggestion { label: string; kind: 'metric' | 'label' | 'value' | 'function' | 'keyword'; detail?: string; apply?: string }
export type CompletionSource = (context: CaretContext) => Promise<Suggestion[]>;

export interface EditorHandle {
  text(): string;
  set_text(text: string): void;
  mark_error(error: { from: number; to: number; message: string } | null): void;
  focus(): void;
  destroy(): void;
}

const logql_tags = styleTags({
  'Json Logfmt Unpack Pattern Regexp Unwrap LabelFormat LineFormat LabelReplace Vector Offset Bool On Ignoring GroupLeft GroupRight Decolorize Drop Keep By Without': tags.keyword,
  'Sum Avg Count Max Min Stddev Stdvar Bottomk Topk Sort Sort_Desc Rate RateCounter CountOverTime BytesRate BytesOverTime AvgOverTime SumOverTime MinOverTime MaxOverTime StddevOverTime StdvarOverTime QuantileOverTime FirstOverTime LastOverTime AbsentOverTime Bytes Duration DurationSeconds': tags.function(tags.variableName),
  'Identifier Matcher/Identifier': tags.labelName, 'String': tags.string, 'Number': tags.number, 'Duration': tags.number,
  'LineComment': tags.comment, 'PipeExact PipeMatch PipePattern Neq Nre Npa Eq Re': tags.operator,
});
const traceql_tags = styleTags({
  'String': tags.string, 'Number Integer Float Duration': tags.number, 'IntrinsicField ScopedIntrinsicField Status SpanKind Nil Static': tags.keyword,
  'Identifier AttributeField': tags.labelName, 'FieldOp SpansetOperator And Or': tags.operator,
  'AggregateExpression MetricsExpression By Select Rate CountOverTime': tags.function(tags.variableName),
});

async function language_support(language: Language): Promise<LanguageSupport> {
  const parsers: Record<Language, () => Promise<LRParser>> = {
    promql: async () => (await import('@prometheus-io/lezer-promql')).parser,
    logql: async () => (await import('@grafana/lezer-logql')).parser.configure({ props: [logql_tags] }),
    traceql: async () => (await import('@grafana/lezer-traceql')).parser.configure({ props: [traceql_tags] }),
  };
  const parser = await parsers[language]();
  return new LanguageSupport(LRLanguage.define({ parser, languageData: { closeBrackets: { brackets: ['(', '[', '{', '"', "'", '`'] } } }));
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--syntax-keyword)' },
  { tag: tags.function(tags.variableName), color: 'var(--syntax-function)' },
  { tag: [tags.labelName, tags.propertyName], color: 'var(--syntax-label)' },
  { tag: tags.string, color: 'var(--syntax-string)' },
  { tag: tags.number, color: 'var(--syntax-number)' },
  { tag: [tags.operator, tags.punctuation, tags.paren, tags.brace], color: 'var(--syntax-op)' },
  { tag: tags.comment, color: 'var(--text-3)' },
]);

const look = EditorView.theme({
  '&': { color: 'var(--text-1)', fontSize: '13px', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'var(--font-mono)', padding: '1px 0', caretColor: 'var(--text-1)' },
  '.cm-line': { padding: '0' },
  '.cm-scroller': { lineHeight: '1.6', maxHeight: '180px', fontFamily: 'var(--font-mono)' },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-cursor': { borderLeftColor: 'var(--text-1)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--surface-3)', color: 'inherit' },
  '.cm-tooltip': { backgroundColor: 'var(--surface-1)', border: '1px solid var(--line-2)', borderRadius: '6px', color: 'var(--text-1)', zIndex: '30', boxShadow: 'var(--shadow)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', fontSize: '12px', maxHeight: '260px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--text-1)' },
  '.cm-completionDetail': { color: 'var(--text-3)', fontStyle: 'normal' },
  '.cm-completionMatchedText': { textDecoration: 'none', color: 'var(--accent)' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--status-crit)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--status-crit)', textUnderlineOffset: '3px' },
});

// Where the caret stands, by reading the text before it: strings and braces are all that matters here.
export function caret_context(before: string): CaretContext {
  let braces = 0;
  let quote: string | null = null;
  let string_start = 0;
  for (let index = 0; index < before.length; index++) {
    const char = before[index];
    if (quote) {
      if (char === '\\' && quote !== '`') index++;
      else if (char === quote) quote = null;
    } else if (char === '"' || char === "'" || char === '`') {
      quote = char;
      string_start = index;
    } else if (char === '{' || (char === '(' && /\b(by|without|on|ignoring)\s*$/.test(before.slice(0, index)))) braces++;
    else if (char === '}' || (char === ')' && braces > 0 && !before.slice(0, index).includes('{'))) braces = Math.max(0, braces - 1);
  }
  if (quote) {
    const name = /([A-Za-z_][\w.:-]*)\s*(?:=~|!~|!=|=)\s*$/.exec(before.slice(0, string_start));
    return { before, value_of: name ? name[1] : null, in_braces: braces > 0, word: before.slice(string_start + 1) };
  }
  const word = /[A-Za-z_.:][\w.:-]*$/.exec(before);
  return { before, value_of: null, in_braces: braces > 0, word: word ? word[0] : '' };
}

const kinds: Record<Suggestion['kind'], string> = { metric: 'variable', label: 'property', value: 'text', function: 'function', keyword: 'keyword' };

function complete(source: CompletionSource) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const caret = caret_context(context.state.doc.sliceString(0, context.pos));
    if (caret.word === '' && caret.value_of === null && !caret.in_braces && !context.explicit) return null;
    const found = await source(caret).catch(() => []);
    if (found.length === 0 || context.aborted) return null;
    const options: Completion[] = found.slice(0, 2000).map(({ label, kind, detail, apply }) => ({ label, detail, apply, type: kinds[kind] }));
    return { from: context.pos - caret.word.length, options, validFor: caret.value_of === null ? /^[\w.:-]*$/ : /^[^"]*$/ };
  };
}

export interface EditorSetup {
  parent: HTMLElement;
  language: Language;
  text: string;
  label: string;
  placeholder: string;
  run(text: string): void;
  // After every change of the text, by typing or otherwise.
  changed(text: string): void;
  // Esc: true when it did something, else the editor lets go of the focus.
  escape(): boolean;
  // The query run before (1) or after (-1) the one shown; null where there is none.
  past(step: 1 | -1): string | null;
  completions: CompletionSource;
}

export async function create_editor(setup: EditorSetup): Promise<EditorHandle> {
  const support = await language_support(setup.language);
  const root = setup.parent.shadowRoot ?? setup.parent.attachShadow({ mode: 'open' });
  root.replaceChildren();
  const inner = document.createElement('div');
  root.append(inner);
  const run = (view: EditorView) => {
    closeCompletion(view);
    setup.run(view.state.doc.toString());
    return true;
  };
  const show = (view: EditorView, text: string | null) => {
    if (text !== null) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
    return true;
  };
  const view = new EditorView({
    parent: inner,
    root,
    state: EditorState.create({
      doc: setup.text,
      extensions: [
        history(), drawSelection(), bracketMatching(), closeBrackets(), support, syntaxHighlighting(colours), look,
        placeholder_extension(setup.placeholder), EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': setup.label, spellcheck: 'false', autocorrect: 'off', autocapitalize: 'off' }),
        EditorView.updateListener.of((update) => update.docChanged && setup.changed(update.state.doc.toString())),
        autocompletion({ override: [complete(setup.completions)], activateOnTyping: true, interactionDelay: 0, icons: false, maxRenderedOptions: 60 }),
        keymap.of([
          { key: 'Mod-Enter', run },
          { key: 'Enter', run: (current) => completionStatus(current.state) !== 'active' && run(current) },
          { key: 'Alt-ArrowUp', run: (current) => show(current, setup.past(1)) },
          { key: 'Alt-ArrowDown', run: (current) => show(current, setup.past(-1)) },
          ...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap.filter(({ key }) => key !== 'Mod-Enter'),
          { key: 'Shift-Enter', run: (current) => {
            current.dispatch(current.state.replaceSelection('\n'));
            return true;
          } },
          { key: 'Escape', run: (current) => {
            if (!setup.escape()) current.contentDOM.blur();
            return true;
          } },
        ]),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    set_text(text) {
      const present = view.state.doc.toString();
      if (present !== text) view.dispatch({ changes: { from: 0, to: present.length, insert: text } });
    },
    mark_error(error) {
      const length = view.state.doc.length;
      const shown = error !== null && error.from < length;
      view.dispatch(setDiagnostics(view.state, shown ? [{ from: error.from, to: Math.min(error.to, length), severity: 'error', message: error.message }] : []));
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
