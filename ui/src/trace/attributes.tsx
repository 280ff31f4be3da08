// Attributes of spans, their resources and events: any number, of any length, each a way to traces that have the same.
import { useState } from 'preact/hooks';
import { Link } from 'wouter';
import { count } from '../format/numbers';
import { quoted } from '../state/pivots';
import { Copy } from '../parts/copy';
import { useUrl } from '../state/url_state';
import { attribute_text, type Attributes } from './trace_model';
import css from '../views/trace.module.css';

const attributes_shown = 100;

export function AttributeList({ title, attributes, scope, range, open }: { title: string; attributes: Attributes; scope: 'span' | 'resource'; range: { from: string; to: string }; open?: boolean }) {
  const names = Object.keys(attributes);
  if (names.length === 0) return null;
  return (
    <details class={css.attrs} open={open}>
      <summary>{title} {count(names.length)}</summary>
      <AttributeRows attributes={attributes} scope={scope} range={range} />
    </details>
  );
}

export function AttributeRows({ attributes, scope, range }: { attributes: Attributes; scope?: 'span' | 'resource' | 'event'; range?: { from: string; to: string } }) {
  const url = useUrl();
  const [text, set_text] = useState('');
  const [all, set_all] = useState(false);
  const names = Object.keys(attributes).filter((name) => text === '' || name.toLowerCase().includes(text.toLowerCase()));
  const shown = all ? names.slice(0, 20_000) : names.slice(0, attributes_shown);
  return (
    <>
      {Object.keys(attributes).length > 30 && <input class="input" type="search" aria-label="Find an attribute" placeholder="Find an attribute" value={text} onInput={(event) => set_text(event.currentTarget.value)} />}
      <dl>
        {shown.map((name) => {
          const value = attributes[name];
          const search = scope && range && value !== null && typeof value !== 'object' && String(value).length <= 200
            ? url.to('/traces', { q: `{ ${scope}.${/^[\w.-]+$/.test(name) ? name : quoted(name)} = ${typeof value === 'string' ? quoted(value) : String(value)} }`, ...range }) : null;
          return (
            <><dt><bdi>{name.length > 200 ? `${name.slice(0, 200)}…` : name}</bdi></dt>
              <dd><LongText text={attribute_text(value)} />{search && <> <Link class={`btn ghost ${css.find}`} href={search} aria-label={`Traces with this ${name.slice(0, 60)}`} title="Traces with this value">⌕</Link></>} <Copy text={attribute_text(value)} what={`value of ${name.slice(0, 60)}`} /></dd></>
          );
        })}
      </dl>
      {names.length > shown.length && <button type="button" class="btn sm" onClick={() => set_all(true)}>Show all {count(names.length)}</button>}
    </>
  );
}

const text_shown = 2000;

export function LongText({ text }: { text: string }) {
  const [all, set_all] = useState(false);
  if (text.length <= text_shown) return <bdi>{text}</bdi>;
  return <><bdi>{all ? text.slice(0, 200_000) : text.slice(0, text_shown)}</bdi>… <button type="button" class="link acc" onClick={() => set_all(!all)}>{all ? 'Less' : `All ${count(text.length)} characters`}</button></>;
}
