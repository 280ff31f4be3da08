// The demo's page. Asks its own server for the state of the shop, draws it, and follows the trace of an order it placed.
// All text goes in as text nodes: names of spans and services come from telemetry.
const state_every_ms = 1500;
const trace_every_ms = 150;
const settled_after_ms = 6000; // spans that come later than this after the answer are looked at in Obelisk

const by_id = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'onclick') made.addEventListener('click', value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `answered ${response.status}`);
  return answer;
}

function trouble(text) {
  by_id('trouble').hidden = text === null;
  by_id('trouble').textContent = text === null ? '' : `▲ ${text}`;
}

// Does something and looks at the state again; what goes wrong is shown until something goes right.
async function act(method, path, body) {
  try {
    const answer = await ask(method, path, body);
    trouble(null);
    await refresh();
    return answer;
  } catch (error) {
    trouble(error.message);
    return null;
  }
}

// --- colours: a service has the same one as in the interface (ui/src/format/colors.ts) ---------------------------------

const slot_start = 482703;

function service_color(name) {
  let hash = slot_start;
  for (let index = 0; index < name.length; index++) {
    hash ^= name.charCodeAt(index);
    hash = Math.imul(hash, 16777619) >>> 0;
  }
  hash = (hash ^ (hash >>> 15)) >>> 0;
  return `var(--series-${(hash % 10) + 1})`;
}

function square(service) {
  const made = element('span', { class: 'sq', 'aria-hidden': 'true' });
  made.style.background = service_color(service);
  return made;
}

// --- faults and load --------------------------------------------------------------------------------------------------

let server_url = '';

function value_text(value) {
  if (value === null) return 'unknown';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return null;
}

function fault_value(fault) {
  const plain = value_text(fault.value);
  if (plain !== null) return plain;
  return fault.name.endsWith('_ms') ? `${fault.value} ms` : `${Math.round(fault.value * 100)} %`;
}

function fault_row(fault) {
  const fixed = fault.value === fault.fix;
  const set = (value) => act('POST', '/api/faults', { service: fault.service, name: fault.name, value });
  const mark = element('span', { class: fault.value === null ? 't3' : fixed ? 'ok' : 'crit' }, fault.value === null ? '– ' : fixed ? '● ' : '▲ ');
  return element('div', { class: 'row', 'data-fault': fault.name },
    element('div', {}, mark, element('b', {}, fault.title)),
    element('div', { class: 'about' }, fault.error ?? fault.what, ' ', element('span', { class: 'now' }, `Now: ${fault_value(fault)}.`)),
    element('div', { class: 'buttons' },
      element('button', { class: 'btn', type: 'button', 'aria-label': `Inject: ${fault.title}`, disabled: fault.value === null || fault.value === fault.inject, onclick: () => set(fault.inject) }, 'Inject'),
      element('button', { class: 'btn', type: 'button', 'aria-label': `Fix: ${fault.title}`, disabled: fault.value === null || fixed, onclick: () => set(fault.fix) }, 'Fix')));
}

const loads = [
  ['small_orders', 'Small orders', [0, 3, 8, 20]],
  ['large_orders', 'Large orders', [0, 2, 5, 10]],
  ['sample_visits', 'Visits of the sample app', [0, 1, 5]],
];

const rate_text = (rate) => (rate === 0 ? 'Off' : `${rate}/s`);

function load_row([name, title, choices], { rates, counters }) {
  return element('div', { class: 'row', 'data-load': name },
    element('b', {}, title),
    element('div', { class: 'about' }, `${rates[name]} a second now, ${counters[name].toLocaleString('en-US')} so far.`),
    element('div', { class: 'buttons', role: 'group', 'aria-label': `${title} a second` },
      ...choices.map((rate) => element('button', { class: 'btn', type: 'button', 'aria-label': `${title}: ${rate_text(rate)}`, 'aria-pressed': String(rates[name] === rate), onclick: () => act('POST', '/api/load', { [name]: rate }) }, rate_text(rate)))));
}

function burst_row(burst) {
  return element('div', { class: 'row', 'data-load': 'burst' },
    element('b', {}, 'Burst'), element('div', { class: 'about' }, '100 large orders within a second, then 5 a second.'),
    element('div', { class: 'buttons' }, element('button', { class: 'btn', type: 'button', disabled: burst.running, onclick: () => act('POST', '/api/burst', {}) }, 'Burst of 100')));
}

function burst_text({ running, last }) {
  if (running) return 'The burst is under way: 100 orders wait for their answers …';
  if (last === null) return '';
  const statuses = Object.entries(last.statuses).map(([status, count]) => `${count} × ${status === '0' ? 'no answer' : status}`).join(', ');
  return `The last burst: ${statuses}; half within ${last.p50_s.toFixed(2)} s, 99 % within ${last.p99_s.toFixed(2)} s.`;
}

// Replaces what changed only: a button that has the focus must keep it.
const drawn = new Map();
function draw(id, value, make) {
  const text = JSON.stringify(value);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  const place = by_id(id);
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  place.replaceChildren(...make());
  if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]:not(:disabled)`)?.focus();
}

async function refresh() {
  const state = await ask('GET', '/api/state');
  server_url = state.server_url;
  for (const link of document.querySelectorAll('[data-ui]')) link.href = server_url + link.dataset.ui;
  draw('load', [state.load, state.burst], () => [...loads.map((one) => load_row(one, state.load)), burst_row(state.burst)]);
  draw('faults', state.faults, () => state.faults.flatMap((fault, index) => [
    state.faults[index - 1]?.service === fault.service ? null : element('div', { class: 'service' }, square(fault.service_name), element('bdi', {}, fault.service_name)),
    fault_row(fault),
  ].filter((one) => one !== null)));
  by_id('burst').textContent = burst_text(state.burst);
  by_id('cause').disabled = state.burst.running;
  return state;
}

by_id('cause').addEventListener('click', async () => {
  await act('POST', '/api/faults', { service: 'inventory', name: 'slow_lookup', value: true });
  await act('POST', '/api/burst', {});
});
by_id('fix').addEventListener('click', () => act('POST', '/api/faults', { service: 'inventory', name: 'slow_lookup', value: false }));
by_id('fix-all').addEventListener('click', async () => {
  const { faults } = await refresh();
  for (const { service, name, value, fix } of faults) if (value !== null && value !== fix) await act('POST', '/api/faults', { service, name, value: fix });
});

// --- the order's trace ------------------------------------------------------------------------------------------------

let watched = null; // {trace_id, seen: Set of span ids, last_change}

function ms_text(ms) {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

function link(path, text, primary) {
  return element('a', { class: `btn${primary ? ' pri' : ''}`, href: server_url + path }, text);
}

function links_of(order) {
  const range = `from=${new Date(order.began_ms - 300_000).toISOString()}&to=${new Date(order.began_ms + 300_000).toISOString()}`;
  const p99 = 'histogram_quantile(0.99, sum by (le, job, endpoint) (rate(http_request_duration_seconds_bucket{endpoint="/orders"}[1m])))';
  return [
    link(`/ui/traces/${order.trace_id}`, 'Open the trace', true),
    link(`/ui/logs?trace=${order.trace_id}`, 'Its log lines'),
    link(`/ui/metrics?${range}&q=${encodeURIComponent(p99)}&at=${order.began_ms}&v=${encodeURIComponent('mark:this order')}`, 'p99 of orders then'),
  ];
}

function span_row(span, order, length_ms, fresh) {
  const fill = element('span', { class: 'fill' });
  const [left, width] = [(span.start_ms / length_ms) * 100, (span.duration_ms / length_ms) * 100];
  fill.style.left = `${left}%`;
  fill.style.width = `${Math.max(0, Math.min(100 - left, width))}%`;
  fill.style.background = span.failed ? 'var(--status-crit)' : service_color(span.service);
  const time = element('span', { class: 'time' }, span.running ? `${ms_text(span.duration_ms)} …` : ms_text(span.duration_ms));
  if (left + width < 80) time.style.left = `${left + Math.max(width, 0.5)}%`;
  else time.style.right = `${Math.max(0, 100 - left)}%`;
  const name = element('span', { class: 'name' }, square(span.service), span.failed ? element('span', { class: 'crit' }, '▲') : null, element('bdi', {}, span.name),
    span.parent_missing ? element('span', { class: 't3', title: 'Its parent has not ended yet' }, '…') : null);
  name.style.paddingLeft = `${12 + Math.min(span.depth, 12) * 12}px`;
  const label = `${span.service}: ${span.name}, ${ms_text(span.duration_ms)}${span.failed ? ', failed' : ''}`;
  const href = `${server_url}/ui/traces/${order.trace_id}?at=${span.span_id}`;
  return element('li', {}, element(span.running ? 'div' : 'a', { class: `span${fresh ? ' fresh' : ''}${span.running ? ' running' : ''}`, href: span.running ? null : href, title: label, 'data-span': span.name }, name, element('span', { class: 'track' }, fill, time)));
}

// The customer's own span is sent when the answer is there; until then the page draws it as running.
function rows_with_root(order) {
  if (order.spans.some(({ span_id }) => span_id === order.span_id)) return order.spans;
  const running = order.answer === null;
  const root = { span_id: order.span_id, name: 'place an order', service: 'customer', failed: false, depth: 0, start_ms: 0, running,
    duration_ms: running ? order.now_ms - order.began_ms : order.answer.seconds * 1000 };
  return [root, ...order.spans.map((span) => ({ ...span, depth: span.depth + 1 }))];
}

function outcome_of(order) {
  const what = `${order.quantity} × ${order.item}`;
  if (order.answer === null) return [`${what}: waiting for the shop, `, element('b', {}, ms_text(order.now_ms - order.began_ms))];
  const good = order.answer.status >= 200 && order.answer.status < 300;
  return [element('span', { class: good ? 'ok' : 'crit' }, good ? '● ' : '▲ '), `${what}: answered ${order.answer.status || ''} ${order.answer.detail} after `, element('b', {}, ms_text(order.answer.seconds * 1000))];
}

function draw_order(order) {
  const rows = rows_with_root(order);
  const length_ms = Math.max(1, ...rows.map(({ start_ms, duration_ms }) => start_ms + duration_ms)) * 1.02;
  const fresh = new Set(rows.map(({ span_id }) => span_id).filter((id) => !watched.seen.has(id)));
  fresh.forEach((id) => watched.seen.add(id));
  by_id('outcome').setAttribute('aria-live', order.answer === null ? 'off' : 'polite'); // not every tick of the clock
  if (order.answer === null || watched.told !== true) by_id('outcome').replaceChildren(...outcome_of(order));
  watched.told = order.answer !== null;
  draw('links', order.trace_id, () => links_of(order));
  by_id('axis').replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => {
    const tick = element('span', {}, ms_text(share * length_ms));
    tick.style.left = `${share * 100}%`;
    return tick;
  }));
  draw('spans', [order.trace_id, rows], () => rows.map((span) => span_row(span, order, length_ms, fresh.has(span.span_id))));
  by_id('waiting').textContent = waiting_text(order);
  return fresh.size > 0;
}

// A trace does not say when it is whole. What is certainly missing can be told: parents that are named and not here, and
// calls whose other side is not here.
function waiting_text({ spans, answer }) {
  if (spans.length === 0) return 'No span has reached Obelisk yet.';
  const of = (count, one, many) => `${count} ${count === 1 ? one : many}`;
  const parents = new Set(spans.map(({ depth }, index) => (spans[index + 1]?.depth > depth ? index : -1)));
  const half_calls = spans.filter(({ kind }, index) => kind === 'client' && !parents.has(index)).length;
  const orphans = spans.filter(({ parent_missing }) => parent_missing).length;
  const missing = [
    orphans > 0 && `${of(orphans, 'waits', 'wait')} for a parent that has not ended or not arrived`,
    half_calls > 0 && `${of(half_calls, 'call lacks its', 'calls lack their')} other side`,
  ].filter(Boolean);
  const rest = missing.length > 0 ? `; ${missing.join(', ')}` : answer ? '; the trace is whole' : '';
  return `${of(spans.length, 'span', 'spans')} of ${of(new Set(spans.map(({ service }) => service)).size, 'service', 'services')}${rest}.`;
}

async function watch(trace_id) {
  watched = { trace_id, seen: new Set() };
  let last_change = performance.now();
  while (watched?.trace_id === trace_id) {
    try {
      const order = await ask('GET', `/api/orders/${trace_id}`);
      if (watched?.trace_id !== trace_id) return;
      if (draw_order(order) || order.answer === null) last_change = performance.now();
      trouble(null);
    } catch (error) {
      trouble(error.message);
    }
    if (performance.now() - last_change > settled_after_ms) return;
    await new Promise((resolve) => setTimeout(resolve, trace_every_ms));
  }
}

async function place_order(quantity) {
  const placed = await act('POST', '/api/orders', { quantity });
  if (placed === null) return;
  by_id('invitation').hidden = true;
  by_id('trace').hidden = false;
  void watch(placed.trace_id);
}

by_id('order-small').addEventListener('click', () => place_order(2));
by_id('order-large').addEventListener('click', () => place_order(8));

// --- the frame --------------------------------------------------------------------------------------------------------

by_id('theme').addEventListener('click', () => {
  const dark = getComputedStyle(document.documentElement).colorScheme.includes('dark');
  document.documentElement.dataset.theme = dark ? 'light' : 'dark';
});

async function keep_fresh() {
  try {
    await refresh();
  } catch (error) {
    trouble(`The demo does not answer: ${error.message}. Is it still running?`);
  }
  setTimeout(keep_fresh, state_every_ms);
}
await keep_fresh();
