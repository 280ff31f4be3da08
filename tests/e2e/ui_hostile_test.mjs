// What senders can put into names, attributes and lines is text in every view: markup, scripts, text that runs from right to
// left, control characters, 10,000 attributes, a line of 1 MB.
// Usage: node tests/e2e/ui_hostile_test.mjs --server BINARY. Screenshots go to build/screenshots.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, sleep, until } from './stack/checks.mjs';
import { Server, argument, scratchDirectory } from './stack/server.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

const attack = '<script>window.pwned=1</script><img src=x onerror="window.pwned=1">"\'`{{x}}';
const rightToLeft = '\u202Etxet desrever\u202C אבג';
const hostileTraceId = 'ab'.repeat(16);

async function hostile() {
  const server = await new Server({ binary: argument('server', 'build/release/obelisk'), directory: scratchDirectory('ui-hostile') }).start();
  try {
    const now = BigInt(Date.now()) * 1_000_000n;
    const attributes = Array.from({ length: 10_000 }, (_, index) => ({ key: `key ${index} ${index % 100 === 0 ? attack : ''}`, value: { stringValue: index % 7 === 0 ? rightToLeft : attack } }));
    const span = (id, parent, extra) => ({ traceId: hostileTraceId, spanId: id, parentSpanId: parent, name: attack, kind: 2, startTimeUnixNano: String(now), endTimeUnixNano: String(now + 5_000_000n), status: { code: 2, message: attack }, ...extra });
    const otlp = (root) => ({ resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: attack } }] }, scopeSpans: [{ scope: { name: attack }, spans: [
      span('1'.repeat(16), '', { attributes: root, events: [{ timeUnixNano: String(now), name: attack, attributes: attributes.slice(0, 5) }] }),
      span('2'.repeat(16), '1'.repeat(16), { name: rightToLeft, attributes: [{ key: 'long', value: { stringValue: 'x'.repeat(50_000) } }] }),
      span('3'.repeat(16), 'f'.repeat(16), { name: 'a\u0000b' }),
    ] }] }] });
    const traces = await server.postJson('/v1/traces', otlp(attributes.slice(0, 1000)));
    assert.deepEqual([traces.status, /rejected/.test(traces.text)], [200, false], traces.text);
    const lines = [attack, JSON.stringify({ event: attack, level: attack, trace_id: hostileTraceId, [attack]: attack }), 'y'.repeat(250_000), 'nul \u0000 and \u001b[31m', rightToLeft, '{"broken', '']
      .map((text, index) => [String(now + BigInt(index)), text]);
    const logs = await server.postJson('/loki/api/v1/push', { streams: [{ stream: { service_name: 'evil', job: attack }, values: lines }] });
    assert.ok(logs.status < 300, logs.text);
    const harmless = async (page) => assert.equal(await page.evaluate(() => window.pwned), undefined);
    await check('hostile spans are text', async () => {
      const page = await browser.page(`${server.url}/ui/traces/${hostileTraceId}`);
      await page.locator('[data-span]').first().waitFor();
      await page.locator('[data-span]').first().click();
      await page.getByText('window.pwned=1').first().waitFor();
      await sleep(500);
      await harmless(page);
      await page.getByRole('button', { name: /^Show all/ }).first().click();
      await sleep(800);
      await harmless(page);
      await browser.shot(page, 'hostile-trace');
      await page.context().close();
    });
    // More than this server takes in; another in front of it, or a later one, may hand out such answers.
    await check('a span of 10,000 attributes and a line of 1 MB break nothing', async () => {
      const page = await browser.page(`${server.url}/ui/`);
      await page.route('**/api/v2/traces/*', (route) => route.fulfill({ json: { trace: otlp(attributes) } }));
      await page.route('**/loki/api/v1/query_range*', (route) => /count_over_time/.test(decodeURIComponent(route.request().url())) ? route.continue()
        : route.fulfill({ json: { status: 'success', data: { resultType: 'streams', result: [{ stream: { service_name: 'evil' }, values: [[String(now), `{"event":"${'z'.repeat(1_000_000)}"}`], [String(now), 'w'.repeat(1_000_000)]] }] } } }));
      await page.goto(`${server.url}/ui/traces/${hostileTraceId}?at=${'1'.repeat(16)}`);
      await page.getByText('Attributes 10,000').waitFor();
      await page.getByRole('button', { name: /^Show all 10,000/ }).click();
      await until('many attributes', async () => (await page.locator('dt').count()) >= 5000);
      await page.goto(`${server.url}/ui/logs`);
      await page.locator('section[aria-label="Log lines"] button[aria-expanded]').first().click();
      await page.getByRole('button', { name: /^All 1,000,0/ }).first().waitFor();
      await harmless(page);
      await page.context().close();
    });
    await check('hostile lines are text', async () => {
      const page = await browser.page(`${server.url}/ui/logs?from=now-1h&to=now`);
      await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) >= 5);
      for (const index of [0, 1, 2, 3, 4]) {
        await page.locator('section[aria-label="Log lines"] button[aria-expanded]').nth(index).click();
        await sleep(200);
        if (index === 3) await browser.shot(page, 'hostile-logs');
        await page.keyboard.press('Escape');
      }
      await harmless(page);
      await page.context().close();
    });
    await check('hostile names break no other view', async () => {
      const all = encodeURIComponent('{ }');
      const traceViews = [`/ui/traces/${hostileTraceId}?v=as:flame`, `/ui/traces/${hostileTraceId}?v=as:paths`, `/ui/traces/${hostileTraceId}/against/${hostileTraceId}?v=all:1`, `/ui/traces?q=${all}&v=apart:1`, `/ui/services?q=${all}`];
      for (const target of ['/ui/', '/ui/services', '/ui/traces', ...traceViews, '/ui/metrics?q=up', `/ui/metrics?q=${encodeURIComponent(attack)}`, `/ui/logs?at=${encodeURIComponent(attack)}&v=${encodeURIComponent(attack)}`, `/ui/traces/${encodeURIComponent(attack)}`, `/ui/alerts?from=${encodeURIComponent(attack)}`, `/ui/targets?q=${encodeURIComponent(attack)}&at=${encodeURIComponent(attack)}&v=${encodeURIComponent(`state:${attack}`)}`]) {
        const page = await browser.page(server.url + target);
        await sleep(700);
        assert.equal(await page.getByText('This view failed.').count(), 0, target);
        await harmless(page);
        await page.context().close();
      }
    });
  } finally {
    await server.stop();
  }
}

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_hostile_test: ${missing}`);
  process.exit(1);
}
await browser.start();
try {
  await hostile();
} finally {
  await browser.stop();
}
process.exit(checks.finish());
