// The interface in headless Chromium against a real server: the incident by clicking, every pivot, states, keys, and
// accessibility in both themes.
// Usage: node tests/e2e/ui_test.mjs --server BINARY
// Screenshots go to build/screenshots. Exit code 1 when anything does not hold.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, missingForBrowser } from './stack/browser.mjs';
import { Checks, parameter, sleep, until, viewPath } from './stack/checks.mjs';
import { Shop } from './stack/shop.mjs';
import { argument, scratchDirectory } from './stack/server.mjs';

const binary = argument('server', 'build/release/obelisk');
const root = fileURLToPath(new URL('../../', import.meta.url));
const browser = new Browser(path.join(root, 'build/screenshots'));
const checks = new Checks(browser);
const check = (name, run) => checks.check(name, run);

async function incident() {
  const shop = new Shop();
  try {
    await shop.start(binary, scratchDirectory('ui'));
    await shop.incident(14);
    await sleep(5000); // spans and lines of the burst arrive
    await walkIncident(shop);
    await pivots(shop);
    await states(shop);
    await looks(shop);
  } finally {
    await shop.stop();
  }
}

const slowDiamond = '.diamond';

async function walkIncident(shop) {
  let page;
  let clicks = 0;
  let traceUrl = '';
  await check('step 1: the overview names the alert', async () => {
    page = await browser.page(`${shop.url}/`, { width: 1440, height: 900 });
    assert.equal(viewPath(page), '/ui/');
    await page.getByRole('heading', { name: 'Fast latency budget burn on order-service' }).first().waitFor();
    await page.getByRole('cell', { name: 'inventory-service' }).first().waitFor();
    await sleep(500);
    await browser.shot(page, 'overview');
  });
  await check('step 2: one click to its metric at its time, with the threshold', async () => {
    await page.getByRole('link', { name: 'Its metric at its time' }).first().click();
    clicks++;
    await until('the chart', () => page.locator('.uplot canvas').count());
    assert.equal(viewPath(page), '/ui/metrics');
    assert.match(parameter(page, 'q'), /slo:sli_error:ratio_rate/);
    assert.match(parameter(page, 'from'), /^\d{4}-/);
    await page.getByText(/^threshold 14\.4/).first().waitFor();
    await sleep(600);
    await browser.shot(page, 'metrics-alert');
  });
  await check('step 3: the scope, p99 by operation, with exemplars', async () => {
    await page.getByRole('link', { name: 'p99 by operation' }).first().click();
    clicks++;
    await until('diamonds', async () => (await page.locator(slowDiamond).count()) > 3);
    await sleep(600);
    await browser.shot(page, 'metrics');
  });
  await check('step 4: an exemplar leads to its trace, opened at the longest self time', async () => {
    // The highest diamonds stood longest in the queue; a person would choose a middle one too when the first says little.
    const tops = await page.locator(slowDiamond).evaluateAll((all) => all.map((one) => ({ top: Number.parseFloat(one.style.top), href: one.getAttribute('href') }))
      .sort((left, right) => left.top - right.top).slice(0, 14));
    const metrics = page.url();
    const seen = [];
    for (const { href } of tops.slice(Math.floor(tops.length / 3))) {
      const diamond = page.locator(`.diamond[href="${href}"]`);
      if ((await diamond.count()) === 0) continue; // since the first look a higher one came to stand over it
      await diamond.click();
      await page.locator('[aria-selected="true"][data-span]').waitFor();
      const chosen = await page.locator('[aria-selected="true"][data-span]').getAttribute('data-span');
      seen.push(chosen);
      if (chosen === 'slow_lookup') break;
      await page.goto(metrics);
      await until('diamonds', async () => (await page.locator(slowDiamond).count()) > 3);
      await sleep(400);
    }
    clicks++;
    assert.equal(seen.at(-1), 'slow_lookup', `the longest self times were ${seen.join(', ')}`);
    traceUrl = page.url();
    assert.match(viewPath(page), /^\/ui\/traces\/[0-9a-f]{32}$/);
  });
  await check('step 5: the cause is on the page: slow_lookup with inventory.demand high, and the lines of the trace', async () => {
    await page.getByText('inventory.demand').first().waitFor();
    await page.getByText('Longest self time of the trace').waitFor();
    await until('log lines of the trace', async () => (await page.locator('section[aria-label="Log lines"] li').count()) >= 4); // a failed order has four
    assert.ok((await page.getByText('stock_reserved').count()) + (await page.getByText('reserve_requested').count()) + (await page.getByText('stock_checked').count()) > 0);
    assert.ok(clicks <= 5);
    await sleep(300);
    await browser.shot(page, 'trace');
    return `${clicks} clicks from the alert to the cause, no query typed`;
  });
  await check('the link of the last step opens the same in a fresh browser', async () => {
    const fresh = await browser.page(traceUrl);
    await fresh.locator('[aria-selected="true"][data-span="slow_lookup"]').waitFor();
    await fresh.context().close();
  });
  await check('back and forward walk the steps', async () => {
    await page.goBack();
    await until('metrics again', () => viewPath(page) === '/ui/metrics');
    await page.goForward();
    await until('the trace again', () => /\/traces\//.test(viewPath(page)));
  });
  shop.traceUrl = traceUrl;
  await page?.context().close();
}

async function pivots(shop) {
  let page = await browser.page(shop.traceUrl);
  await page.locator('[aria-selected="true"][data-span]').waitFor();
  const traceId = /traces\/([0-9a-f]{32})/.exec(shop.traceUrl)[1];
  const back = async () => {
    await page.goto(shop.traceUrl);
    await page.locator('[aria-selected="true"][data-span]').waitFor();
  };
  const selectSpan = async (name) => {
    await page.locator(`[data-span="${name}"]`).first().click();
    await page.locator(`[aria-selected="true"][data-span="${name}"]`).waitFor();
  };

  await check('span to the logs of the trace', async () => {
    await page.getByRole('link', { name: 'Open in Logs' }).click();
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) >= 4);
    assert.equal(parameter(page, 'trace'), traceId);
    await browser.shot(page, 'logs-of-trace');
  });
  await check('span to the logs of the span', async () => {
    await back();
    await selectSpan('reserve_stock');
    await page.getByRole('link', { name: 'Logs of the span' }).click();
    await until('the view', () => parameter(page, 'span') !== null);
    await page.getByText(/lines of all services, by trace id|No line carries this span id/).first().waitFor();
  });
  await check('span to the logs of the service at that time', async () => {
    await back();
    await page.getByRole('link', { name: 'Logs of the service then' }).click();
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
    assert.match(parameter(page, 'q'), /inventory-service/);
    const seconds = (Date.parse(parameter(page, 'to')) - Date.parse(parameter(page, 'from'))) / 1000;
    assert.ok(seconds < 10, `${seconds} s`);
  });
  await check('log line to its trace', async () => {
    await page.locator('section[aria-label="Log lines"] a[aria-label^="Trace "]').first().click();
    await page.locator('[aria-selected="true"][data-span]').waitFor();
    assert.match(viewPath(page), /^\/ui\/traces\/[0-9a-f]{32}$/);
  });
  await check('span to the rate, errors and p99 of its operation', async () => {
    await back();
    await page.getByRole('link', { name: 'Rate, errors, p99' }).click();
    await until('three queries', () => new URL(page.url()).searchParams.getAll('q').length === 3);
    await until('series', async () => (await page.locator('tbody tr').count()) >= 2);
    assert.match(parameter(page, 'q'), /span_name="slow_lookup"/);
  });
  await check('span to the same span in other traces', async () => {
    await back();
    await page.getByRole('link', { name: 'Same span elsewhere' }).click();
    await until('traces', async () => (await page.locator('tbody tr').count()) > 5);
    await sleep(300);
    await browser.shot(page, 'traces');
  });
  await check('trace to the metric whose exemplar it is', async () => {
    await back();
    await page.locator('a', { hasText: '◆' }).first().click();
    await until('the chart', () => page.locator('.uplot canvas').count());
    assert.equal(viewPath(page), '/ui/metrics');
  });
  await check('a log line beside the waterfall selects its span', async () => {
    await back();
    const line = page.locator('section[aria-label="Log lines"] li button[title^="Span "]').first();
    const span = /^Span (.*?)\. /.exec(await line.getAttribute('title'))[1];
    await line.click();
    await page.locator(`[aria-selected="true"][data-span="${span}"]`).waitFor();
  });
  await check('spans of a trace are found by a text and by TraceQL', async () => {
    await back();
    const all = await page.locator('[data-span]').count();
    const search = page.getByRole('searchbox', { name: /Find spans/ });
    await search.fill('{ span:childCount = 0 && kind != unspecified }');
    await page.keyboard.press('Enter');
    const leaves = Number(/^([\d,]+) found$/.exec(await page.getByText(/^[\d,]+ found$/).textContent())[1]);
    assert.ok(leaves > 0 && leaves < all, `${leaves} of ${all}`);
    await search.fill('slow_lookup');
    await page.keyboard.press('Enter');
    await page.getByText('1 found', { exact: true }).waitFor();
    await until('it and the spans above it', async () => (await page.locator('[data-span="slow_lookup"]').count()) === 1 && (await page.locator('[data-span]').count()) < all);
    await search.fill('');
    await until('all again', async () => (await page.locator('[data-span]').count()) === all);
  });
  await check('keys walk the waterfall', async () => {
    await back();
    await page.locator('[data-waterfall]').focus();
    const before = parameter(page, 'at');
    await page.keyboard.press('ArrowUp');
    await until('another span', () => parameter(page, 'at') !== before && parameter(page, 'at') !== null);
    await page.keyboard.press('n');
    await page.keyboard.press('[');
    await until('all closed', async () => (await page.locator('[data-span]').count()) < 6);
  });
  await check('m, l and t lead from the chosen span and from the open line to the other signals', async () => {
    for (const [key, target] of [['m', '/ui/metrics'], ['l', '/ui/logs'], ['t', '/ui/traces']]) {
      await back();
      await page.locator('[data-waterfall]').focus();
      await page.keyboard.press(key);
      await until(target, () => viewPath(page) === target);
    }
    for (const [key, target] of [['m', /^\/ui\/metrics$/], ['t', /^\/ui\/traces\/[0-9a-f]{32}$/]]) {
      await page.goto(`${shop.url}/ui/logs?trace=${traceId}`);
      await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
      await page.keyboard.press('j');
      await page.locator('section[aria-label="Log lines"] button[aria-expanded="true"]').waitFor();
      await page.keyboard.press(key);
      await until(String(target), () => target.test(viewPath(page)));
    }
  });
  await check('map edge to the traces of that edge', async () => {
    await page.goto(`${shop.url}/ui/services`);
    await page.locator('[data-edge="order-service→inventory-service"] rect').click();
    await page.getByRole('link', { name: 'Traces of this call' }).waitFor();
    await until('slow traces', async () => (await page.getByRole('link', { name: /^Open trace/ }).count()) > 0);
    await browser.shot(page, 'services');
    await page.getByRole('link', { name: 'Traces of this call' }).click();
    await until('traces', async () => (await page.locator('tbody tr').count()) > 3);
    assert.match(parameter(page, 'q'), /order-service.*>>.*inventory-service/);
  });
  await check('map edge to its metrics, and a series to logs and traces', async () => {
    await page.goto(`${shop.url}/ui/services?at=${encodeURIComponent('order-service→payment-service')}`);
    await page.getByRole('link', { name: 'Rate, errors, p99' }).click();
    await until('series', async () => (await page.locator('tbody tr').count()) >= 2);
    await page.goto(`${shop.url}/ui/metrics?q=${encodeURIComponent('sum by (job) (rate(http_requests_total[30s]))')}`);
    await page.getByRole('link', { name: /^Logs of .*order-service/ }).click();
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
    await page.goBack();
    await page.getByRole('link', { name: /^Traces of .*order-service/ }).click();
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
  });
  await check('overview to metrics, logs and traces of a service', async () => {
    for (const [name, ready] of [['Metrics of payment-service', '.uplot canvas'], ['Logs of payment-service', 'section[aria-label="Log lines"] button[aria-expanded]'], ['Traces of payment-service', 'tbody tr']]) {
      await page.goto(`${shop.url}/ui/`);
      await page.getByRole('link', { name }).click();
      await until(name, async () => (await page.locator(ready).count()) > 0);
    }
  });
  await check('alerts view: alert to metric, traces and logs', async () => {
    for (const name of [/^Its metric/, /^Slowest traces of/, /^Failed traces of order-service/, /^Logs of order-service/]) {
      await page.goto(`${shop.url}/ui/alerts`);
      const link = page.getByRole('link', { name }).first();
      await link.waitFor();
      if (String(name).includes('Its')) await browser.shot(page, 'alerts');
      await link.click();
      await until('another view', () => viewPath(page) !== '/ui/alerts');
    }
  });
  await page.context().close();
}

async function states(shop) {
  const page = await browser.page(`${shop.url}/ui/logs?q=${encodeURIComponent('{service="order-service"} | json | level="error"')}`);
  await check('logs: lines, counts by level, fields with exact counts', async () => {
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
    await page.getByText(/payment failed/).first().waitFor();
    await until('bars', async () => (await page.locator('svg[role="img"] rect').count()) > 0);
    await page.locator('aside summary', { hasText: 'quantity' }).click();
    await until('values', async () => (await page.locator('aside details[open] li button').count()) > 0);
    await page.locator('section[aria-label="Log lines"] button[aria-expanded]').first().click();
    await page.getByRole('button', { name: /^Only lines with event = / }).waitFor();
    await sleep(300);
    await browser.shot(page, 'logs');
  });
  await check('logs: a value becomes a filter', async () => {
    await page.getByRole('button', { name: /^Only lines with error = / }).click();
    await until('the filter', () => /error="payment failed"/.test(parameter(page, 'q') ?? ''));
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
  });
  await check('logs: live tail brings new lines, pauses and resumes', async () => {
    await page.goto(`${shop.url}/ui/logs?live=1`);
    await until('new lines', async () => /[1-9][0-9,]* new/.test(await page.locator('section[aria-label="Log lines"] header').innerText()), 25);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    await browser.shot(page, 'logs-live');
  });
  await check('a wrong query says where, in all three languages', async () => {
    for (const [view, query] of [['metrics', 'sum(rate(up[5m])'], ['logs', '{service="x"} |= '], ['traces', '{ name = }']]) {
      await page.goto(`${shop.url}/ui/${view}?q=${encodeURIComponent(query)}`);
      await page.locator('.editor-error').first().waitFor();
      const text = await page.locator('.editor-error').first().innerText();
      assert.ok(/\d/.test(text), `${view}: ${text} has no position`);
      if (view === 'metrics') await browser.shot(page, 'error');
    }
  });
  await check('empty answers say what to do', async () => {
    await page.goto(`${shop.url}/ui/metrics?q=no_such_metric`);
    await page.getByText('No metric is called').waitFor();
    await page.goto(`${shop.url}/ui/logs?q=${encodeURIComponent('{service="order-service"} |= "never said"')}`);
    await page.getByText('No lines match in this range.').waitFor();
    await page.getByRole('button', { name: 'Use it' }).first().waitFor();
    await browser.shot(page, 'empty');
    await page.goto(`${shop.url}/ui/traces/${'12'.repeat(16)}`);
    await page.getByText(/No spans of trace/).waitFor();
    await page.goto(`${shop.url}/ui/nowhere`);
    await page.getByText('There is no view at this address.').waitFor();
  });
  await check('the palette: a pasted trace id, and a view by name', async () => {
    await page.goto(`${shop.url}/ui/`);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search' }).fill('payment');
    await page.getByRole('option', { name: /payment-service/ }).first().waitFor();
    await browser.shot(page, 'palette');
    await page.getByRole('combobox', { name: 'Search' }).fill(/traces\/([0-9a-f]{32})/.exec(shop.traceUrl)[1]);
    await page.keyboard.press('Enter');
    await page.locator('[aria-selected="true"][data-span]').waitFor();
  });
  await check('keys go to every view', async () => {
    for (const [key, target] of [['m', '/ui/metrics'], ['l', '/ui/logs'], ['t', '/ui/traces'], ['s', '/ui/services'], ['i', '/ui/alerts'], ['a', '/ui/targets'], ['o', '/ui/']]) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await until(target, () => viewPath(page) === target);
    }
  });
  await check('a typed query completes from live names and runs by Enter', async () => {
    await page.goto(`${shop.url}/ui/metrics`);
    const editor = page.locator('.cm-content').first();
    await editor.click();
    await page.keyboard.type('orders_in_fl', { delay: 20 });
    await page.locator('.cm-tooltip-autocomplete li[aria-selected]', { hasText: 'orders_in_flight' }).first().waitFor();
    await sleep(300); // the list settles: names are asked for as one types
    await page.keyboard.press('Enter');
    await sleep(200);
    await page.keyboard.press('Control+Enter');
    await until('the query in the address', () => /^orders_in_flight/.test(parameter(page, 'q') ?? ''));
    await until('the chart', () => page.locator('.uplot canvas').count());
  });
  await check('dragging over a chart zooms; the copied link is absolute', async () => {
    const box = await page.locator('.u-over').first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await until('an absolute range', () => /^\d{4}-/.test(parameter(page, 'from') ?? ''));
    await page.getByRole('button', { name: 'Copy link' }).click();
    const copied = await until('the clipboard', () => page.evaluate(() => navigator.clipboard.readText()));
    assert.match(new URL(copied).searchParams.get('from'), /^\d{4}-\d\d-\d\dT/);
  });
  await page.context().close();
  await furtherWays(shop);
}

// What leads on, and what looks the same everywhere.
async function furtherWays(shop) {
  let page = await browser.page(`${shop.url}/ui/traces?from=now-5m&to=now`);
  await check('traces: durations of the whole range as a heatmap; a box over it asks for them', async () => {
    await until('the heatmap', async () => (await page.locator('svg[aria-label*="spans by start and duration"] rect').count()) > 20);
    const title = await page.getByRole('heading', { name: /requests by duration/ }).innerText();
    assert.ok(Number(/^[\d,]+/.exec(title)[0].replaceAll(',', '')) > 200, title);
    await browser.shot(page, 'traces-heatmap');
    const box = await page.locator('svg[aria-label*="spans by start and duration"]').boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 12);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.97, box.y + box.height * 0.45, { steps: 5 });
    await page.mouse.up();
    await until('the conditions', () => /duration >= \d/.test(parameter(page, 'q') ?? ''));
    assert.match(parameter(page, 'from'), /^\d{4}-/);
    assert.match(parameter(page, 'q'), /^\{ nestedSetParent < 0 && duration >= [\d.]+m?s && duration < [\d.]+m?s \}$/);
    await until('traces', async () => (await page.locator('tbody tr').count()) > 0);
    await page.goBack();
    await until('all traces again', () => parameter(page, 'q') === null);
    return `${title}; asked ${decodeURIComponent(new URL(page.url()).search)}`;
  });
  await check('a metric of spans and one of lines: table, one series alone, and on to lines and traces', async () => {
    for (const [view, query] of [['traces', '{ } | rate() by (resource.service.name)'], ['logs', 'sum by (service) (rate({service=~".+"}[30s]))']]) {
      await page.goto(`${shop.url}/ui/${view}?from=now-5m&to=now&q=${encodeURIComponent(query)}`);
      await until('series', async () => (await page.locator('tbody tr').count()) >= 4);
      await page.getByRole('button', { name: /order-service/ }).click();
      await page.locator('tbody button[aria-pressed="true"]').waitFor();
      await page.getByRole('link', { name: /^Traces of .*order-service/ }).click();
      await until('traces', () => /order-service/.test(parameter(page, 'q') ?? '') && viewPath(page) === '/ui/traces');
    }
  });
  await check('an exemplar tells what its trace is about before one goes there', async () => {
    await page.goto(`${shop.url}/ui/metrics?from=now-5m&to=now&q=${encodeURIComponent('histogram_quantile(0.99, sum by (le, job, endpoint) (rate(http_request_duration_seconds_bucket[30s])))')}`);
    await until('diamonds', async () => (await page.locator(slowDiamond).count()) > 3);
    await sleep(400);
    await page.locator(slowDiamond).first().focus();
    await page.locator('.exemplar-card', { hasText: /Longest self time: / }).waitFor();
    await browser.shot(page, 'exemplar');
    const [card, chart] = await Promise.all(['.exemplar-card', '.chart'].map((one) => page.locator(one).first().boundingBox()));
    assert.ok(card.y >= chart.y && card.y + card.height <= chart.y + chart.height, 'the card is cut off by the chart');
    return (await page.locator('.exemplar-card').innerText()).replace(/\s+/g, ' ');
  });
  await check('a service has one colour in every view', async () => {
    const colours = new Map();
    for (const target of ['/ui/', '/ui/services?v=as:table', '/ui/logs', '/ui/traces', new URL(shop.traceUrl).pathname]) {
      await page.goto(shop.url + target);
      await until('services', async () => (await page.locator('.service').count()) >= 3);
      await sleep(500);
      for (const [name, colour] of await page.locator('.service').evaluateAll((all) => all.map((one) => [one.innerText.trim(), getComputedStyle(one.querySelector('.sq')).backgroundColor]))) {
        if (!/-(service|app)$/.test(name)) continue;
        if (!colours.has(name)) colours.set(name, new Map());
        colours.get(name).set(colour, target);
      }
    }
    assert.ok(colours.size >= 4, [...colours.keys()].join());
    for (const [name, seen] of colours) assert.equal(seen.size, 1, `${name}: ${JSON.stringify([...seen])}`);
    assert.equal(new Set([...colours.values()].map((seen) => [...seen.keys()][0])).size, colours.size, 'two services share a colour');
    return `${colours.size} services`;
  });
  await check('logs: the counts are those of the range, exactly', async () => {
    const to = Date.now() - 8000;
    await page.goto(`${shop.url}/ui/logs?from=${new Date(to - 47_321).toISOString()}&to=${new Date(to).toISOString()}&q=${encodeURIComponent('{service="order-service"} | json | level=~"error|warn"')}`);
    const counted = await until('the count', async () => /^[\d,]+(?= lines)/.exec(await page.locator('section.panel:not([aria-label="Log lines"]) h2').innerText())?.[0]);
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] button[aria-expanded]').count()) > 0);
    const listed = /^[\d,]+(?= lines)/.exec(await page.locator('section[aria-label="Log lines"] h2').innerText())[0];
    assert.ok(Number(listed) > 0 && Number(listed) < 500, `${listed} lines are no test`);
    assert.equal(counted, listed);
    return `${counted} lines`;
  });
  await page.context().close();
  page = await browser.page(`${shop.url}/ui/logs?from=now-5m&to=now`, { timezone: 'Asia/Kolkata' });
  await check('times are local, with UTC on hover, and the zone is named', async () => {
    await until('lines', async () => (await page.locator('section[aria-label="Log lines"] time').count()) > 0);
    const [text, title, moment] = await page.locator('section[aria-label="Log lines"] time').first().evaluate((one) => [one.innerText, one.title, one.dateTime]);
    const at = new Date(moment);
    const local = new Date(at.getTime() + 330 * 60_000).toISOString().slice(11, 23);
    assert.equal(text, local);
    assert.equal(title, `${at.toISOString().replace('T', ' ').replace('Z', '')} UTC`);
    await page.getByText('UTC+5:30').first().waitFor();
    return `${text} is ${title}`;
  });
  await check('a shared link opens the same view at the same absolute time', async () => {
    await page.locator('section[aria-label="Log lines"] button[aria-expanded]').nth(2).click();
    await page.locator('section[aria-label="Log lines"] button[aria-expanded="true"]').waitFor();
    await page.getByRole('button', { name: 'Copy link' }).click();
    const copied = await until('the clipboard', () => page.evaluate(() => navigator.clipboard.readText()));
    const text = await page.locator('section[aria-label="Log lines"] button[aria-expanded="true"]').innerText();
    const other = await browser.page(copied); // another zone
    await other.locator('section[aria-label="Log lines"] button[aria-expanded="true"]').waitFor();
    assert.equal(await other.locator('section[aria-label="Log lines"] button[aria-expanded="true"]').innerText(), text);
    assert.match(parameter(other, 'from'), /^\d{4}-/);
    await other.context().close();
  });
  await page.context().close();
}

async function looks(shop) {
  const trace = new URL(shop.traceUrl);
  const views = {
    overview: '/ui/', alerts: '/ui/alerts', services: '/ui/services', metrics: `/ui/metrics?q=${encodeURIComponent('sum by (job) (rate(http_requests_total[30s]))')}`,
    logs: '/ui/logs', traces: '/ui/traces', targets: '/ui/targets', trace: trace.pathname + trace.search,
  };
  for (const theme of ['dark', 'light']) {
    for (const [name, target] of Object.entries(views)) {
      await check(`accessibility of ${name}, ${theme}`, async () => {
        const page = await browser.page(shop.url + target, { theme });
        try {
          await page.locator('main').waitFor();
          await sleep(1500);
          await browser.shot(page, `${name}-${theme}`);
          assert.deepEqual(await browser.accessibility(page), []);
        } finally {
          await page.context().close();
        }
      });
    }
  }
  for (const [name, target] of Object.entries(views)) {
    await check(`${name} on a phone does not scroll sideways`, async () => {
      const page = await browser.page(shop.url + target, { width: 390, height: 844 });
      try {
        await sleep(1200);
        const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        if (['overview', 'trace', 'logs'].includes(name)) await browser.shot(page, `${name}-phone`);
        assert.ok(inner <= outer + 1, `the page is ${inner} px wide on ${outer}`);
      } finally {
        await page.context().close();
      }
    });
  }
}

const missing = missingForBrowser();
if (missing) {
  console.error(`ui_test: ${missing}`);
  process.exit(1);
}
await browser.start();
try {
  await incident();
} finally {
  await browser.stop();
}
process.exit(checks.finish());
