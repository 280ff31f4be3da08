// What the interface promises of traces, with traces whose answers are known: the slowest of the whole range, what sets some
// spans apart, two traces against each other, the critical path, flame graph, the usual, links, the service graph of any
// search, the traces behind a metric, and odd traces.
// Usage: node tests/e2e/ui_traces_test.mjs --server BINARY. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, until, viewPath } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_traces_test: ${missing}`);
  process.exit(1);
}

// --- the traces -------------------------------------------------------------------------------------------------------

const traces = 300;
const now_ms = Date.now();
const traceId = (number) => (number + 1).toString(16).padStart(8, '0').padEnd(32, 'a');
const spanId = (trace, number) => (trace * 100 + number + 1).toString(16).padStart(16, '0');
const ns = (ms) => String(BigInt(Math.round(ms * 1000)) * 1000n);
const text = (key, value) => ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } });

function span(trace, number, { parent, name, at, ms, kind = 1, attributes = {}, failed, ...rest }) {
  return {
    traceId: traceId(trace), spanId: spanId(trace, number), parentSpanId: parent === undefined ? undefined : spanId(trace, parent), name, kind,
    startTimeUnixNano: ns(at), endTimeUnixNano: ns(at + ms), attributes: Object.entries(attributes).map(([key, value]) => text(key, value)), status: failed ? { code: 2, message: 'declined' } : {}, ...rest,
  };
}

// web calls bank. Every third request takes variant b, whose step `settle` is slow and whose step `cache` does not run. The
// oldest of all is the slowest. `settle` seems to end 400 us into the next step, as with clocks of milliseconds.
const is_slow = (number) => number % 3 === 0;
const settle_ms = (number) => (number === 0 ? 2000 : is_slow(number) ? 300 : 20);
const slow_count = Math.ceil(traces / 3);

function shopTrace(number) {
  const at = now_ms - 280_000 + number * 800;
  const settle = settle_ms(number);
  const variant = is_slow(number) ? 'b' : 'a';
  const web = [
    span(number, 0, { name: 'GET /pay', at, ms: settle + 60, kind: 2, attributes: { 'app.variant': variant, 'request.id': `r${number}` } }),
    span(number, 1, { parent: 0, name: 'call bank', at: at + 5, ms: settle + 30, kind: 3 }),
    ...(is_slow(number) ? [] : [span(number, 2, { parent: 0, name: 'cache', at: at + 1, ms: 3 })]),
  ];
  const bank = [
    span(number, 3, { parent: 1, name: 'POST /charge', at: at + 8, ms: settle + 22, kind: 2, failed: number % 10 === 0,
      events: [{ name: 'retry', timeUnixNano: ns(at + 10), attributes: [text('attempt', 2)] }],
      links: number === 5 ? [{ traceId: traceId(6), spanId: spanId(6, 3), attributes: [text('why', 'batch')] }] : [] }),
    span(number, 4, { parent: 3, name: 'settle', at: at + 9, ms: settle + 0.4, attributes: { 'app.variant': variant } }),
    span(number, 5, { parent: 3, name: 'write ledger', at: at + 9 + settle, ms: 15 }),
    span(number, 6, { parent: 3, name: 'beside it', at: at + 9, ms: 10 }),
  ];
  return { web, bank };
}

const oddId = 'dd'.repeat(16);

// A cycle, missing parents, no length, before its parent, and a span that is still to come.
function oddSpans() {
  const one = (id, parent, name, at, ms) => ({ traceId: oddId, spanId: id.repeat(16), parentSpanId: parent?.repeat(16), name, startTimeUnixNano: ns(at), endTimeUnixNano: ns(at + ms) });
  const at = now_ms - 60_000;
  return [one('1', undefined, 'top', at, 100), one('2', '1', 'no length', at + 10, 0), one('3', '1', 'before its parent', at - 20, 30), one('4', '9', 'lost', at + 5, 10), one('5', '6', 'round', at, 5), one('6', '5', 'and round', at, 5),
    one('7', '1', 'to come', now_ms + 300_000, 10), one('8', '1', '<img src=x onerror=alert(1)>', at + 1, 2)];
}

async function send(server) {
  const groups = { web: [], bank: [] };
  for (let number = 0; number < traces; number++) {
    const { web, bank } = shopTrace(number);
    groups.web.push(...web);
    groups.bank.push(...bank);
  }
  const resourceSpans = [...Object.entries(groups), ['odd', oddSpans()]].map(([service, spans]) => ({ resource: { attributes: [text('service.name', service)] }, scopeSpans: [{ spans }] }));
  const { status, text: answer } = await server.postJson('/v1/traces', { resourceSpans });
  assert.deepEqual([status, /rejected/.test(answer)], [200, false], answer);
}

// --- the checks -------------------------------------------------------------------------------------------------------

const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('ui-traces') }).start();
const address = (view, query = {}) => `${server.url}/ui/${view}?${new URLSearchParams({ from: 'now-15m', to: 'now', ...query })}`;
const body = (page) => page.locator('tbody tr');

async function search() {
  await check('by duration: the slowest of the whole range, though it is the oldest', async () => {
    const page = await browser.page(address('traces', { q: '{ name = "settle" }' }));
    await until('the newest', async () => (await body(page).count()) === 200);
    assert.equal(await page.locator(`a[href*="${traceId(0)}"]`).count(), 0, 'the slowest is among the newest: the check shows nothing');
    await page.getByRole('button', { name: /^Duration/ }).click();
    await page.getByText('The slowest 200 of the whole range').waitFor();
    await until('the slowest first', async () => (await body(page).first().locator('a').getAttribute('href'))?.includes(traceId(0)));
    assert.match(await body(page).first().innerText(), /2\.06/);
    assert.equal(parameter(page, 'v'), 'sort:duration');
    await page.context().close();
  });
  await check('what sets the slow ones apart: the attribute that differs comes first, with exact counts; one click narrows', async () => {
    const page = await browser.page(address('traces', { q: '{ name = "settle" && duration > 100ms }' }));
    await page.getByRole('button', { name: /^What sets them apart/ }).click();
    await until('values', async () => (await body(page).count()) > 0);
    const panel = await page.locator('section.panel', { hasText: 'What sets them apart' }).innerText();
    assert.match(panel, new RegExp(`${slow_count} spans: \\{ duration > 100ms \\}`));
    assert.match(panel, new RegExp(`${traces - slow_count} others of \\{ name = "settle" \\}`));
    const [first, second] = await body(page).allInnerTexts();
    assert.deepEqual([first, second].map((row) => /span\.app\.variant/.test(row)), [true, true]);
    assert.deepEqual(new Set([first, second].map((row) => /variant\s+([ab])/.exec(row)[1])), new Set(['a', 'b']));
    await browser.shot(page, 'traces-apart');
    await page.getByRole('button', { name: 'Only spans with span.app.variant b' }).click();
    await until('the condition', () => parameter(page, 'q') === '{ name = "settle" && duration > 100ms && span.app.variant = "b" }');
    await page.context().close();
  });
  await check('a compare query shows the same ranking, or its series', async () => {
    const page = await browser.page(address('traces', { q: '{ kind = server } | compare({ status = error })' }));
    await until('values', async () => (await body(page).count()) > 0);
    assert.match(await page.locator('section.panel', { hasText: 'What sets them apart' }).innerText(), new RegExp(`${traces / 10} spans: \\{ status = error \\}`));
    await page.getByRole('button', { name: 'As series' }).click();
    await page.locator('.uplot canvas').first().waitFor();
    await page.context().close();
  });
  await check('the traces behind a metric: diamonds that lead to a trace', async () => {
    const page = await browser.page(address('traces', { q: '{ name = "settle" } | quantile_over_time(duration, .99)' }));
    await until('diamonds', async () => (await page.locator('.diamond').count()) > 0);
    await browser.shot(page, 'traces-metric');
    await page.locator('.diamond').first().click();
    await until('a trace', () => /^\/ui\/traces\/[0-9a-f]{32}$/.test(viewPath(page)));
    await page.getByText('GET /pay').first().waitFor();
    await page.context().close();
  });
}

async function comparing() {
  await check('two ticked traces against each other: what changed, what only one has, and the way to each', async () => {
    const page = await browser.page(address('traces', { q: '{ name = "GET /pay" }' }));
    await until('traces', async () => (await body(page).count()) > 0);
    const ids = await page.locator('tbody a').evaluateAll((all) => all.map((one) => /traces\/([0-9a-f]{32})/.exec(one.getAttribute('href'))[1]));
    const number = (id) => Number.parseInt(id.slice(0, 8), 16) - 1;
    const [fast, slow] = [ids.findIndex((id) => !is_slow(number(id))), ids.findIndex((id) => is_slow(number(id)))];
    assert.ok(fast >= 0 && slow >= 0);
    await page.locator('tbody input[type="checkbox"]').nth(fast).click();
    await page.getByText('tick another to compare').waitFor();
    await page.locator('tbody input[type="checkbox"]').nth(slow).click();
    await until('the comparison', () => viewPath(page) === `/ui/traces/${ids[fast]}/against/${ids[slow]}`);
    await until('rows', async () => (await body(page).count()) > 0);
    const settle = await body(page).filter({ hasText: 'settle' }).innerText();
    assert.match(settle, /20\.4/);
    assert.match(settle, /300/);
    assert.match(settle, /×14\.7/);
    assert.match(settle, /span\.app\.variant\s+a\s+→\s+b/);
    assert.match(await body(page).filter({ hasText: 'cache' }).innerText(), /only in the first[^]*never reached/);
    assert.equal(await body(page).filter({ hasText: 'write ledger' }).count(), 0, 'what is alike is left out');
    await page.getByRole('checkbox', { name: 'Also what is alike' }).click();
    await body(page).filter({ hasText: 'write ledger' }).waitFor();
    await browser.shot(page, 'traces-against');
    await page.getByRole('link', { name: 'Swap' }).click();
    await until('swapped', async () => /only in the second[^]*new/.test(await body(page).filter({ hasText: 'cache' }).innerText()));
    await body(page).filter({ hasText: 'settle' }).getByRole('link').first().click();
    await page.locator('[aria-selected="true"][data-span="settle"]').waitFor();
    await page.context().close();
  });
}

async function one() {
  const slow = 3;
  await check('critical path only: every step that was waited for, one that a coarse clock lets overlap too', async () => {
    const page = await browser.page(address(`traces/${traceId(4)}`));
    await page.locator('[data-span="cache"]').waitFor();
    await page.getByRole('checkbox', { name: 'Critical path only' }).click();
    await until('not all', async () => (await page.locator('[data-span="beside it"]').count()) === 0);
    const shown = await page.locator('[data-span]').evaluateAll((all) => all.map((row) => row.getAttribute('data-span')));
    assert.ok(shown.includes('settle') && shown.includes('write ledger'), shown.join());
    const { spans } = await server.getJson(`/obelisk/api/v1/traces/${traceId(4)}/critical-path`);
    assert.deepEqual(shown, spans.map(({ name }) => name), 'the page and the server differ');
    await page.context().close();
  });
  await check('flame graph: boxes as wide as self time and all below; a click goes into one', async () => {
    const page = await browser.page(address(`traces/${traceId(slow)}`, { v: 'as:flame' }));
    const box = (name) => page.getByRole('button', { name: new RegExp(`^${name}, of`) });
    await box('settle').waitFor();
    const width = async (name) => (await box(name).boundingBox()).width;
    const [all, settle, ledger] = [await width('GET /pay'), await width('settle'), await width('write ledger')];
    assert.ok(Math.abs(settle / all - 300.4 / 370.4) < 0.01, `settle has ${settle / all} of the width`);
    assert.ok(ledger < settle / 10);
    await browser.shot(page, 'trace-flame');
    await box('POST /charge').click();
    await until('the chosen box fills the width', async () => Math.abs((await width('POST /charge')) - all) < 4);
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await box('GET /pay').waitFor();
    await page.context().close();
  });
  await check('against the usual, and a span among its kind', async () => {
    const page = await browser.page(address(`traces/${traceId(slow)}`, { at: spanId(slow, 4) }));
    const panel = page.locator('section.panel', { hasText: 'Against the usual' });
    await until('the usual', async () => (await panel.locator('tbody tr').count()) >= 5);
    assert.match(await panel.innerText(), new RegExp(`mean of ${traces - 1} traces`));
    const sum = Array.from({ length: traces }, (_, number) => settle_ms(number) + 0.4).reduce((total, ms) => total + ms, 0) - settle_ms(slow) - 0.4;
    const settle = await panel.locator('tr', { hasText: 'settle' }).innerText();
    assert.ok(settle.includes((sum / (traces - 1)).toPrecision(3)), `${settle} is not ${sum / (traces - 1)}`);
    assert.match(await panel.locator('tr', { hasText: 'cache' }).innerText(), /never reached/);
    const shorter = Array.from({ length: traces }, (_, number) => number).filter((number) => settle_ms(number) < settle_ms(slow)).length;
    assert.match(await page.locator('[data-rank]').innerText(), new RegExp(`Longer than ${shorter} of the ${traces - 1} others`));
    await page.context().close();
  });
  await check('events with their attributes; a link leads to its span in the other trace', async () => {
    const page = await browser.page(address(`traces/${traceId(5)}`, { at: spanId(5, 3) }));
    await page.getByText('1 event').waitFor();
    await page.getByRole('link', { name: 'Traces with this attempt' }).waitFor();
    await page.getByText('1 link').click();
    await page.getByText('batch').waitFor();
    await page.getByRole('link', { name: new RegExp(`${traceId(6).slice(0, 8)} / `) }).click();
    await until('the other trace', () => viewPath(page) === `/ui/traces/${traceId(6)}`);
    await page.locator('[aria-selected="true"][data-span="POST /charge"]').waitFor();
    await page.context().close();
  });
  await check('an odd trace opens and says what is odd', async () => {
    const page = await browser.page(address(`traces/${oddId}`));
    await page.locator('[data-span="to come"]').waitFor();
    assert.equal(await page.locator('[data-span]').count(), 8);
    const told = await page.locator('.strip-warn').first().innerText();
    assert.match(told, /2 spans lack their parent, 3 roots, 1 spans begin before their parent/);
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
    for (const shape of ['Flame', 'Equal paths together', 'Waterfall']) {
      await page.getByRole('button', { name: shape }).click();
      await page.getByText('no length').first().waitFor({ state: shape === 'Flame' ? 'hidden' : 'visible' });
    }
    await page.context().close();
  });
}

async function graph() {
  await check('the service graph of a search, counted from stored spans, with the slowest call of each edge', async () => {
    const page = await browser.page(address('services', { q: '{ span.app.variant = "b" && kind = server } && { name = "POST /charge" }', at: 'web→bank' }));
    await page.getByText(`${slow_count} calls of the search, exactly`).waitFor();
    await page.getByText('counted from stored spans').waitFor();
    await browser.shot(page, 'services-of-a-search');
    await page.getByRole('link', { name: 'The slowest of them' }).click();
    await until('the slowest', () => viewPath(page) === `/ui/traces/${traceId(0)}`);
    await page.context().close();
  });
  await check('the map of one trace', async () => {
    const page = await browser.page(address(`traces/${traceId(3)}`));
    await page.getByRole('link', { name: 'Map', exact: true }).click();
    await page.getByText('3 services, 2 calls, counted from stored spans').waitFor();
    await page.context().close();
  });
  await check('a search without calls says so; one that is wrong is told at its place', async () => {
    const page = await browser.page(address('services', { q: '{ name = "cache" }' }));
    await page.getByText('No call between services is in the spans').waitFor();
    await page.goto(address('services', { q: '{ nosuch = 1 }' }));
    await page.locator('.editor-error').waitFor();
    await page.context().close();
  });
}

async function accessible() {
  const views = {
    apart: address('traces', { q: '{ duration > 100ms }', v: 'apart:1' }), flame: address(`traces/${traceId(3)}`, { v: 'as:flame' }), paths: address(`traces/${traceId(3)}`, { v: 'as:paths' }),
    against: address(`traces/${traceId(4)}/against/${traceId(3)}`), services: address('services', { q: '{ }' }),
  };
  for (const theme of ['dark', 'light']) {
    for (const [name, target] of Object.entries(views)) {
      await check(`axe-core: ${name}, ${theme}; nothing is wider than a phone`, async () => {
        const page = await browser.page(target, { theme });
        await until('it is there', async () => (await page.locator('.panel').count()) > 0 && (await page.locator('.bar-loading').count()) === 0);
        assert.deepEqual(await browser.accessibility(page), []);
        await page.setViewportSize({ width: 400, height: 800 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 400, 'the page scrolls sideways');
        await page.context().close();
      });
    }
  }
}

try {
  await send(server);
  await browser.start();
  await search();
  await comparing();
  await one();
  await graph();
  await accessible();
} finally {
  await browser.stop();
  await server.stop();
}
process.exit(checks.finish());
