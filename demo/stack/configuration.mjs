// Configuration files of the server under the shop, written from the templates in demo/config: ports and windows differ
// between the demonstration and the story, the rules do not.
// A template says <<name>> where a value goes. A name without a value, and a value without a place, are errors.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const template_directory = fileURLToPath(new URL('../config/', import.meta.url));
const file_names = ['obelisk.yml', 'prometheus.yml', 'shop_slo_rules.yml', 'alertmanager.yml'];

// The windows of the multi-window burn-rate alerts as one would run them in production.
export const original_windows = {
  page_long: '1h',
  page_short: '5m',
  page_for: '2m',
  ticket_long: '1d',
  ticket_short: '2h',
  ticket_for: '15m',
};

// latency_window is the range of the p99 queries. Every window is at least five scrapes wide, and all four differ, since
// each gives its recording rules their name.
export const profiles = {
  demo: {
    scrape_interval: '5s',
    evaluation_interval: '5s',
    span_metrics_interval: '5s',
    latency_window: '2m',
    page_long: '5m',
    page_short: '30s',
    page_for: '10s',
    ticket_long: '2h',
    ticket_short: '10m',
    ticket_for: '1m',
    down_for: '30s',
    group_wait: '2s',
    group_interval: '10s',
  },
  story: {
    scrape_interval: '1s',
    evaluation_interval: '1s',
    span_metrics_interval: '1s',
    latency_window: '15s',
    page_long: '30s',
    page_short: '5s',
    page_for: '2s',
    ticket_long: '2m',
    ticket_short: '40s',
    ticket_for: '5s',
    down_for: '10s',
    group_wait: '1s',
    group_interval: '2s',
  },
};

export function render_template(text, values, used = new Set()) {
  return text.replace(/<<(\w+)>>/g, (place, name) => {
    if (values[name] === undefined) throw new Error(`the template asks for ${place}, which has no value`);
    used.add(name);
    return String(values[name]);
  });
}

// The values of all templates together.
export function template_values(profile, ports) {
  const values = { runbook_base: `http://127.0.0.1:${ports.webhook}/runbooks` };
  for (const [name, text] of Object.entries(original_windows)) values[`${name}_original`] = text;
  for (const [name, port] of Object.entries(ports)) values[`${name}_port`] = port;
  return { ...values, ...profile };
}

// What the story and the shop know but no server file needs.
const unplaced = new Set(['latency_window', 'sample_port', 'page_port', 'page_for_original', 'ticket_for_original']);

// Gives {file name: text} for all files of one configuration.
export async function render_configuration(profile, ports) {
  const values = template_values(profile, ports);
  const used = new Set();
  const files = {};
  for (const name of file_names) {
    files[name] = render_template(await readFile(path.join(template_directory, name), 'utf8'), values, used);
  }
  const left_over = Object.keys(values).filter((name) => !used.has(name) && !unplaced.has(name));
  if (left_over.length > 0) throw new Error(`no template uses ${left_over.join(', ')}`);
  return files;
}

// Writes all files into a directory, which is made, and gives the path of the server's own file.
export async function write_configuration(directory, profile, ports) {
  const files = await render_configuration(profile, ports);
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);
  return path.join(directory, 'obelisk.yml');
}

// Lines that say how far the windows are scaled down.
export function describe_windows(profile) {
  const row = (kind, factor) =>
    `  ${kind.padEnd(6)} at ${factor.padEnd(5)} over ${original_windows[`${kind}_long`]} and ${original_windows[`${kind}_short`]}, ` +
    `for ${original_windows[`${kind}_for`]}  ->  ${profile[`${kind}_long`]} and ${profile[`${kind}_short`]}, for ${profile[`${kind}_for`]}`;
  return [
    `SLO windows, scaled down (scrape and evaluation every ${profile.scrape_interval}, p99 over ${profile.latency_window}):`,
    row('page', '14.4x'),
    row('ticket', '3x'),
  ];
}
