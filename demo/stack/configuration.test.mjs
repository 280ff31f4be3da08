import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import {
  describe_windows,
  profiles,
  render_configuration,
  render_template,
  write_configuration,
} from './configuration.mjs';
import { fixed_ports } from './ports.mjs';

function seconds(text) {
  const [, count, unit] = /^(\d+)(s|m|h|d)$/.exec(text);
  return Number(count) * { s: 1, m: 60, h: 3600, d: 86400 }[unit];
}

async function parsed(profile) {
  const files = await render_configuration(profile, fixed_ports);
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, parse(text)]));
}

test('a template without a value for a place is refused', () => {
  assert.equal(render_template('a <<b>> {{ $labels.job }} <<b>>', { b: 1 }), 'a 1 {{ $labels.job }} 1');
  assert.throws(() => render_template('a <<c>>', { b: 1 }), /asks for <<c>>/);
});

test('a value that no template uses is refused', async () => {
  await assert.rejects(
    render_configuration({ ...profiles.story, page_longer: '2m' }, fixed_ports),
    /no template uses page_longer/,
  );
});

for (const [name, profile] of Object.entries(profiles)) {
  test(`${name}: all places are filled and the files are YAML`, async () => {
    const files = await render_configuration(profile, fixed_ports);
    for (const [file, text] of Object.entries(files)) {
      assert.doesNotMatch(text, /<<|undefined/, file);
      assert.ok(parse(text), file);
    }
  });

  test(`${name}: the windows differ and hold enough scrapes`, () => {
    const windows = ['page_short', 'page_long', 'ticket_short', 'ticket_long'].map(
      (window) => profile[window],
    );
    assert.equal(new Set(windows).size, 4);
    for (const window of windows) assert.ok(seconds(window) >= 5 * seconds(profile.scrape_interval), window);
    assert.ok(seconds(profile.page_long) > seconds(profile.page_short));
    assert.ok(seconds(profile.ticket_long) > seconds(profile.ticket_short));
  });

  test(`${name}: each alert asks two windows that a recording rule provides, and tells what to do`, async () => {
    const rules = (await parsed(profile))['shop_slo_rules.yml'].groups.flatMap((group) => group.rules);
    const recorded = new Set(
      rules.filter((rule) => rule.record).map((rule) => `${rule.record}{slo="${rule.labels.slo}"}`),
    );
    assert.equal(recorded.size, 8);
    const burn_alerts = rules.filter((rule) => rule.alert?.includes('BudgetBurn'));
    assert.equal(burn_alerts.length, 4);
    for (const rule of burn_alerts) {
      const kind = rule.labels.severity === 'critical' ? 'page' : 'ticket';
      const asked = rule.expr.match(/slo:\S+?\{slo="[a-z-]+"\}/g);
      assert.deepEqual(
        asked.map((series) => /rate(\w+)\{/.exec(series)[1]),
        [profile[`${kind}_long`], profile[`${kind}_short`]],
        rule.alert,
      );
      for (const series of asked)
        assert.ok(recorded.has(series), `${rule.alert} asks ${series}, which nothing records`);
      const thresholds = rule.expr.match(/> [\d.]+ \* 0\.01/g);
      assert.deepEqual(
        thresholds,
        Array(2).fill(kind === 'page' ? '> 14.4 * 0.01' : '> 3 * 0.01'),
        rule.alert,
      );
      assert.equal(rule.for, profile[`${kind}_for`]);
      assert.equal(
        rule.annotations.runbook_url,
        `http://127.0.0.1:${fixed_ports.webhook}/runbooks/error-budget-burn`,
      );
    }
    for (const rule of rules.filter((one) => one.alert)) {
      assert.match(rule.labels.severity, /^(critical|ticket)$/);
      assert.ok(
        rule.annotations.summary && rule.annotations.description && rule.annotations.runbook_url,
        rule.alert,
      );
    }
  });

  test(`${name}: every runbook an alert links to exists`, async () => {
    const rules = (await parsed(profile))['shop_slo_rules.yml'].groups.flatMap((group) => group.rules);
    for (const rule of rules.filter((one) => one.alert)) {
      const file = `${rule.annotations.runbook_url.split('/runbooks/')[1]}.md`;
      assert.match(await readFile(new URL(`../runbooks/${file}`, import.meta.url), 'utf8'), /^# /);
    }
  });

  test(`${name}: scraped targets, receiver and server addresses carry the ports`, async () => {
    const files = await parsed(profile);
    const targets = files['prometheus.yml'].scrape_configs.map((job) => [
      job.job_name,
      job.static_configs[0].targets[0],
    ]);
    assert.deepEqual(Object.fromEntries(targets), {
      'order-service': '127.0.0.1:8001',
      'inventory-service': '127.0.0.1:8002',
      'payment-service': '127.0.0.1:8003',
      'notification-service': '127.0.0.1:8004',
    });
    assert.equal(
      files['alertmanager.yml'].receivers[0].webhook_configs[0].url,
      'http://127.0.0.1:8005/alerts',
    );
    assert.equal(files['alertmanager.yml'].receivers[0].webhook_configs[0].send_resolved, true);
    assert.equal(files['obelisk.yml'].listen, '127.0.0.1:4319');
    assert.equal(files['obelisk.yml'].otlp_grpc_listen, '127.0.0.1:4317');
  });

  test(`${name}: the printed lines name every window`, () => {
    const text = describe_windows(profile).join('\n');
    for (const key of [
      'page_long',
      'page_short',
      'page_for',
      'ticket_long',
      'ticket_short',
      'ticket_for',
      'latency_window',
    ]) {
      assert.ok(text.includes(profile[key]), key);
    }
  });
}

test('files are written where the server looks for them', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'obelisk-configuration-'));
  try {
    const server_file = await write_configuration(
      path.join(directory, 'config'),
      profiles.story,
      fixed_ports,
    );
    const server = parse(await readFile(server_file, 'utf8'));
    for (const key of ['prometheus_config', 'alertmanager_config']) {
      assert.ok(parse(await readFile(path.join(path.dirname(server_file), server[key]), 'utf8')), key);
    }
    const prometheus = parse(await readFile(path.join(directory, 'config', 'prometheus.yml'), 'utf8'));
    for (const file of prometheus.rule_files) await readFile(path.join(directory, 'config', file));
  } finally {
    await rm(directory, { recursive: true });
  }
});
