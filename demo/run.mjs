// What `./dev demo` runs:
//   node run.mjs --server BINARY [--data DIRECTORY] [--seed N]
//       the server, the shop, a trickle of customers and the demo's own page on the usual ports, until Ctrl-C
//   node run.mjs --server BINARY --story [--no-fix] [--json FILE] [--keep] [--seed N]
//       the whole incident on free ports and in a scratch directory; exit code 1 when a step does not hold
// Exit codes: 0 done, 1 the story does not hold or a process failed, 2 bad arguments or a port that is taken.
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ControlPage } from './control/control_page.mjs';
import { ShopControl } from './control/shop_control.mjs';
import { Load } from './load.mjs';
import { ObeliskClient } from './obelisk_client.mjs';
import { describe_windows, original_windows, profiles, write_configuration } from './stack/configuration.mjs';
import { find_free_ports, fixed_ports, require_free_ports } from './stack/ports.mjs';
import { ProcessGroup } from './stack/processes.mjs';
import { server_process, shop_processes } from './stack/shop.mjs';
import { wait_for_http } from './stack/wait.mjs';
import { WebhookReceiver } from './stack/webhook_receiver.mjs';
import { play_story } from './story.mjs';

// With this seed, any 200 charges in a row fail between 3 % and 7 % of the time, and the first twelve do not fail.
const default_seed = '618';
const default_data_directory = fileURLToPath(new URL('../build/demo', import.meta.url));
const start_deadline_ms = 30000;

class UsageError extends Error {}

function read_arguments() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        server: { type: 'string' },
        story: { type: 'boolean', default: false },
        'no-fix': { type: 'boolean', default: false },
        json: { type: 'string' },
        keep: { type: 'boolean', default: false },
        data: { type: 'string' },
        seed: { type: 'string', default: default_seed },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (!values.server) throw new UsageError('--server BINARY is missing: the path of the obelisk program');
  for (const name of ['no-fix', 'json', 'keep']) {
    if (values[name] && !values.story) throw new UsageError(`--${name} belongs to --story`);
  }
  if (values.story && values.data)
    throw new UsageError('--data belongs to the demonstration; --story uses a scratch directory');
  return values;
}

// Server, shop, load and webhook receiver of one run, in one directory.
class Stack {
  #directory;
  #server_binary;
  #seed;
  #profile;
  processes;
  ports;
  receiver = new WebhookReceiver();
  load;
  page;

  constructor({ directory, server_binary, seed, profile, ports }) {
    this.#directory = directory;
    this.#server_binary = server_binary;
    this.#seed = seed;
    this.#profile = profile;
    this.ports = ports;
    this.processes = new ProcessGroup(path.join(directory, 'logs'));
    this.load = new Load({
      order_url: `http://127.0.0.1:${ports.order}`,
      sample_url: `http://127.0.0.1:${ports.sample}`,
      seed,
    });
    this.page = new ControlPage(new ShopControl({ load: this.load, ports }));
  }

  get server_url() {
    return `http://127.0.0.1:${this.ports.server}`;
  }

  async start(signal) {
    const config_file = await write_configuration(
      path.join(this.#directory, 'config'),
      this.#profile,
      this.ports,
    );
    await this.receiver.listen(this.ports.webhook);
    this.processes.start(server_process(this.#server_binary, config_file));
    await this.#wait_for(`${this.server_url}/ready`, signal);
    for (const description of shop_processes(this.ports, this.#seed)) this.processes.start(description);
    const shop_ports = ['notification', 'payment', 'inventory', 'order', 'sample'].map(
      (name) => this.ports[name],
    );
    await Promise.all(shop_ports.map((port) => this.#wait_for(`http://127.0.0.1:${port}/health`, signal)));
    await this.page.listen(this.ports.page);
  }

  // A process that ends early says why; waiting for its port would only say that nobody answers.
  #wait_for(url, signal) {
    return Promise.race([
      wait_for_http(url, { deadline_ms: start_deadline_ms, signal }),
      this.processes.failure,
    ]);
  }

  // The page and the customers first, then the services, which send what they have buffered, then the server, then the receiver.
  async stop() {
    await this.page.close().catch(() => {}); // it may never have listened
    await this.load.stop();
    await this.processes.stop();
    await this.receiver.close().catch(() => {}); // it may never have listened
  }
}

// A signal to end, once; a second one gives up on stopping cleanly.
function interruption() {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}

function when_aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function run_demo(options, signal) {
  await require_free_ports(fixed_ports);
  const profile = profiles.demo;
  const directory = path.resolve(options.data ?? default_data_directory);
  const stack = new Stack({
    directory,
    server_binary: options.server,
    seed: options.seed,
    profile,
    ports: fixed_ports,
  });
  stack.receiver.on_notification = print_notification;
  try {
    console.log('Starting the server and the shop ...');
    await stack.start(signal);
    stack.load.set_small_order_rate(3);
    stack.load.set_sample_rate(1);
    print_guide(stack, profile, directory);
    await Promise.race([when_aborted(signal), stack.processes.failure]);
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    console.error(error.message);
    return 1;
  } finally {
    console.log('\nStopping ...');
    await stack.stop();
    console.log('All stopped.');
  }
}

function print_notification({ body }) {
  for (const one of body.alerts ?? []) {
    const { alertname, severity } = one.labels;
    const time = new Date().toTimeString().slice(0, 8);
    console.log(
      `${time} notification: ${one.status.toUpperCase()} ${severity} ${alertname}: ${one.annotations.summary} (runbook: ${one.annotations.runbook_url})`,
    );
  }
}

function print_guide(stack, profile, directory) {
  const { server_url, ports } = stack;
  const window = profile.latency_window;
  console.log(`
Obelisk        ${server_url}/ui/
Demo page      http://127.0.0.1:${ports.page}/   faults, load, and an order whose trace you can watch
Shop           http://127.0.0.1:${ports.order}/orders; /metrics, /health and /faults on ports ${ports.order} to ${ports.notification}
Sample app     http://127.0.0.1:${ports.sample}/hello, /error, /slow
Data and logs  ${directory}

${describe_windows(profile).join('\n')}

What to look at
  PromQL   histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket[${window}])) by (le, job, endpoint))
           histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{job="inventory-service"}[${window}])) by (le, endpoint))
           slo:sli_error:ratio_rate${profile.page_short}
           sum(orders_in_flight)
           traces_service_graph_request_total{client="order-service"}
           sum(rate(app_http_requests_total[5m])) by (route)
  LogQL    {service="order-service"} | json | level="error"
           {service=~".+"} | json | trace_id="<id>"
           {service_name="sample-app"} |= "slow"
  TraceQL  { name = "slow_lookup" && duration > 250ms }
           { resource.service.name = "order-service" && status = error }
  for example
    curl -sG ${server_url}/api/v1/query --data-urlencode 'query=sum(orders_in_flight)'
    curl -sG ${server_url}/loki/api/v1/query_range --data-urlencode 'query={service="order-service"} | json | level="error"'
    curl -sG ${server_url}/api/search --data-urlencode 'q={ name = "slow_lookup" && duration > 250ms }'

The incident (or by the buttons of the demo page)
  cause it   node demo/load.mjs burst
  fix it     curl -X POST http://127.0.0.1:${ports.inventory}/faults -d '{"slow_lookup": false}'
  again      curl -X POST http://127.0.0.1:${ports.inventory}/faults -d '{"slow_lookup": true}'

Notifications appear below. Ctrl-C stops everything.`);
}

async function run_story(options, signal) {
  const profile = profiles.story;
  const ports = await find_free_ports(Object.keys(fixed_ports));
  const directory = await mkdtemp(path.join(os.tmpdir(), 'obelisk-story-'));
  const stack = new Stack({ directory, server_binary: options.server, seed: options.seed, profile, ports });
  const begun_ms = performance.now();
  console.log(describe_windows(profile).join('\n'));
  console.log(`Server ${stack.server_url}, data and logs in ${directory}`);
  const story = {
    start: () => stack.start(signal),
    client: new ObeliskClient(stack.server_url),
    load: stack.load,
    receiver: stack.receiver,
    failure: stack.processes.failure,
    fix: !options['no-fix'],
    ports,
    profile,
    signal,
  };
  let report;
  try {
    report = await play_story(story, console.log);
  } finally {
    await stack.stop();
  }
  report.seconds_with_stop = Number(((performance.now() - begun_ms) / 1000).toFixed(1));
  await write_report(options.json, report, { profile, ports, fix: story.fix, seed: options.seed });
  await dispose_of(directory, report, options.keep);
  return report.passed ? 0 : 1;
}

async function write_report(file, report, { profile, ports, fix, seed }) {
  if (!file) return;
  const { latency_window, scrape_interval, evaluation_interval } = profile;
  const windows = Object.fromEntries(
    Object.keys(original_windows).map((name) => [
      name,
      { original: original_windows[name], story: profile[name] },
    ]),
  );
  const { steps, ...outcome } = report;
  const content = {
    ...outcome,
    fix,
    seed,
    latency_window,
    scrape_interval,
    evaluation_interval,
    windows,
    ports,
    steps,
  };
  await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
}

async function dispose_of(directory, report, keep) {
  if (report.passed) console.log(`The story holds: ${report.steps.length} steps in ${report.seconds} s.`);
  else
    console.error(
      `The story fails at the step "${report.failed_step}" after ${report.seconds} s: ${report.error.split('\n', 1)[0]}`,
    );
  if (report.passed && !keep) await rm(directory, { recursive: true, force: true });
  else console.log(`Data and logs are kept in ${directory}`);
}

async function main() {
  const options = read_arguments();
  await access(options.server, constants.X_OK).catch(() => {
    throw new UsageError(`--server ${options.server} is not a program; build it first`);
  });
  const signal = interruption();
  return options.story ? run_story(options, signal) : run_demo(options, signal);
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(error instanceof UsageError || error.message.startsWith('port ') ? 2 : 1);
  },
);
