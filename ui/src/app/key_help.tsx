// The list of keys ("?"), and the switch that turns single letters off.
import { useEffect, useRef, useState } from 'preact/hooks';
import { single_keys_off } from './keys';
import { store } from './theme';
import type { View } from './views';

const keys: [string, string][] = [
  ['Ctrl K', 'Search: views, services, metrics, a pasted trace id'],
  ['/', 'To the search field or the editor'],
  ['Enter  Ctrl Enter', 'Run the query (Shift Enter: a new line)'],
  ['Alt ↑  Alt ↓', 'Editor: queries run before'],
  ['Esc', 'Cancel the running query'],
  [',  .', 'Range back, forward'],
  ['Shift ,  Shift .', 'Half, double the range'],
  ['Shift Z', 'Zoom out'],
  ['Shift L', 'Live on or off'],
  ['y', 'Copy a link with absolute times'],
  ['j  k  ↓  ↑', 'Next, previous row'],
  ['Enter  Esc', 'Open, close'],
  ['← →', 'Waterfall: close, open a span'],
  ['[  ]', 'Waterfall: close all, open all'],
  ['n  p', 'Waterfall: next failure, next on the critical path'],
  ['+  −', 'Waterfall: closer, farther (Esc: the whole trace)'],
  ['c', 'Traces: what sets the spans found apart'],
  ['m  l  t', 'From the chosen datum to metrics, logs, traces'],
];

export default function KeyHelp({ close, views }: { close(): void; views: View[] }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [off, set_off] = useState(single_keys_off());
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="dialog" ref={dialog} onClose={close} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {keys.map(([key, what]) => <><dt><kbd>{key}</kbd></dt><dd>{what}</dd></>)}
        {views.map((view) => <><dt><kbd>g</kbd> <kbd>{view.key}</kbd></dt><dd>{view.name}</dd></>)}
      </dl>
      <label class="row s"><input type="checkbox" checked={off} onChange={(event) => {
        set_off(event.currentTarget.checked);
        store('obelisk.single_keys', event.currentTarget.checked ? 'off' : 'on');
      }} /> Switch single-letter keys off</label>
      <form method="dialog" class="row end"><button class="btn">Close</button></form>
    </dialog>
  );
}
