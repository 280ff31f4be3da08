// What a view shows when there is nothing (yet) to show: loading, empty, error, partial. Each says what to do next.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/http';
import { toast } from './toast';

export function message_of(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

// Nothing for 150 ms, then a thin bar.
export function Loading({ on, what }: { on: boolean; what: string }) {
  const client = useQueryClient();
  // The server notices that nobody waits any more and stops the query.
  const cancel = () => {
    void client.cancelQueries({ type: 'active' });
    toast('Cancelled. Run asks again.');
  };
  const [shown, set_shown] = useState(false);
  const [long, set_long] = useState(false);
  useEffect(() => {
    if (!on) {
      set_shown(false);
      set_long(false);
      return undefined;
    }
    const first = setTimeout(() => set_shown(true), 150);
    const second = setTimeout(() => set_long(true), 1500);
    return () => {
      clearTimeout(first);
      clearTimeout(second);
    };
  }, [on]);
  if (!shown) return null;
  return (
    <div class="loading" role="status">
      <div class="bar-loading" />
      {long && <span class="loading-text s t2">Loading {what} … <button type="button" class="btn sm" onClick={cancel}>Cancel</button></span>}
    </div>
  );
}

export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const status = error instanceof ApiError ? error.status : null;
  const hint = status === 0 || status === null ? null
    : status === 404 ? 'This server has no answer at that address.'
    : status >= 500 ? 'The server failed; its own log says more.' : null;
  return (
    <div class="notice notice-crit" role="alert">
      <p><b class="crit">▲ {what} could not be loaded.</b></p>
      <p class="mono pre">{message_of(error)}</p>
      {hint && <p class="t2">{hint}</p>}
      {retry && <p><button type="button" class="btn" onClick={retry}>Try again</button></p>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      <p><b>{title}</b></p>
      {children}
    </div>
  );
}

export function Partial({ children }: { children: ComponentChildren }) {
  return <div class="strip-warn" role="status"><span class="warn" aria-hidden="true">▲</span> {children}</div>;
}

// A view that breaks says so and leaves the frame working.
export class Boundary extends Component<{ children: ComponentChildren }, { error: unknown }> {
  state = { error: null as unknown };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div class="notice notice-crit" role="alert">
        <p><b class="crit">▲ This view failed.</b></p>
        <p class="mono pre">{message_of(this.state.error)}</p>
        <p><button type="button" class="btn" onClick={() => this.setState({ error: null })}>Try again</button> <a class="btn" href="/ui/">Go to the overview</a></p>
      </div>
    );
  }
}
