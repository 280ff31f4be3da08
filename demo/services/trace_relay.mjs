// What the W3C's trace-context test harness asks of a service: POST /test with a list of {"url", "arguments"}; for each in turn
// a POST of the arguments to the url, with the trace context that the service's SDK makes. Only where SHOP_TRACE_RELAY is set,
// and only to this machine: a service of the shop is no open relay.
import { HttpError } from './http_service.mjs';

const calls_max = 16;
const call_timeout_ms = 4000; // the harness gives a case five seconds

export function add_trace_relay(http) {
  if (!process.env.SHOP_TRACE_RELAY) return;
  http.route('POST', '/test', [200, 400], async ({ body }) => {
    if (!Array.isArray(body) || body.length > calls_max) throw new HttpError(400, `a list of at most ${calls_max} calls is needed`);
    for (const { url } of body) {
      if (!URL.canParse(url) || !['127.0.0.1', 'localhost'].includes(new URL(url).hostname)) throw new HttpError(400, 'a url on 127.0.0.1 is needed');
    }
    for (const call of body) {
      const response = await fetch(call.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call.arguments ?? []),
        signal: AbortSignal.timeout(call_timeout_ms),
      });
      await response.arrayBuffer();
    }
    return { body: { calls: body.length } };
  });
}
