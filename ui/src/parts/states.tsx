// What a view shows when there is nothing (yet) to show: loading, empty, error, partial. Each says what to do next.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/http';
import { Cancelled } from '../api/running';

export function message_of(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

// What an editor says under its text: a query that was cancelled is no mistake.
export function query_complaint(error: unknown): string | null {
  return error === null || error === undefined || error instanceof Cancelled ? null : message_of(error);
}

// Nothing for 150 ms, then a thin bar. What takes longer is told by RunBar.
export function Loading({ on, what }: { on: boolean; what: string }) {
  const [shown, set_shown] = useState(false);
  useEffect(() => {
    if (!on) {
      set_shown(false);
      return undefined;
    }
    const timer = setTimeout(() => set_shown(true), 150);
    return () => clearTimeout(timer);
  }, [on]);
  if (!shown) return null;
  return <div class="loading" role="status" aria-label={`Loading ${what}`}><div class="bar-loading" /></div>;
}

export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const status = error instanceof ApiError ? error.status : null;
  const hint = status === 0 || status === null ? null
    : status === 404 ? 'This server has no answer at that address.'
    : status >= 500 ? 'The server failed; its own log says more.' : null;
  return (
    <div class="notice notice-crit" role="alert">
      <p>{error instanceof Cancelled ? <b>{what}: cancelled.</b> : <b class="crit">▲ {what} could not be loaded.</b>}</p>
      <p class="mono pre">{message_of(error)}</p>
      {hint && <p class="t2">{hint}</p>}
      {retry && <p><button type="button" class="btn" onClick={retry}>Try again</button></p>}
    </div>
  );
}

// In place of a result, when the editor above shows why there is none. What is no fault of the query says so, and can be tried again.
export function NotRun({ error, retry, hint }: { error: unknown; retry(): void; hint: string }) {
  if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) {
    return (
      <Empty title={error.status === 0 ? 'The server does not answer.' : 'The server could not answer.'}>
        <p class="t2">{error.status === 0 ? 'The query is kept. Try again when the server is back.' : 'The message under the editor says why; the query itself may be well.'}</p>
        <p><button type="button" class="btn" onClick={retry}>Try again</button></p>
      </Empty>
    );
  }
  if (!(error instanceof Cancelled)) return <Empty title="The query could not be run."><p class="t2">{hint}</p></Empty>;
  return (
    <Empty title="The query was cancelled.">
      <p class="t2">{error.message}</p>
      <p><button type="button" class="btn" onClick={retry}>Run it again</button></p>
    </Empty>
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
