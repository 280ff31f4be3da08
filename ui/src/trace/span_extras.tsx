// Events and links of a span; a link leads to its span in the other trace.
import { Link } from 'wouter';
import { count, duration } from '../format/numbers';
import { useUrl } from '../state/url_state';
import { AttributeRows } from './attributes';
import type { Span } from './trace_model';
import css from '../views/trace.module.css';

const shown_max = 100; // of each

export function SpanExtras({ span: { events, links, start_ns }, range }: { span: Pick<Span, 'events' | 'links' | 'start_ns'>; range: { from: string; to: string } }) {
  const url = useUrl();
  return (
    <>
      {events.length > 0 && (
        <details class={css.more} open={events.length <= 5}>
          <summary>{count(events.length)} {events.length === 1 ? 'event' : 'events'}</summary>
          {events.slice(0, shown_max).map((event, index) => (
            <div class={css.attrs} key={index}><b class="s"><bdi>{event.name}</bdi></b> <span class="t3 s">+{duration((event.at_ns - start_ns) / 1e9)}</span><AttributeRows attributes={event.attributes} scope="event" range={range} /></div>
          ))}
        </details>
      )}
      {links.length > 0 && (
        <details class={css.more}><summary>{count(links.length)} {links.length === 1 ? 'link' : 'links'}</summary>
          <ul>{links.slice(0, shown_max).map((one, index) => <li key={index}><Link class="link acc mono" href={url.to(`/traces/${one.trace_id}`, { at: one.span_id, v: [] })}>{one.trace_id.slice(0, 8)} / {one.span_id}</Link><AttributeRows attributes={one.attributes} /></li>)}</ul>
        </details>
      )}
    </>
  );
}
