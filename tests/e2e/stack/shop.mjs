// The demo shop on free ports under a real server, with the windows of the story: alerts fire within half a minute.
import path from 'node:path';
import { ControlPage } from '../../../demo/control/control_page.mjs';
import { ShopControl } from '../../../demo/control/shop_control.mjs';
import { Load, large_orders_per_second } from '../../../demo/load.mjs';
import { profiles, write_configuration } from '../../../demo/stack/configuration.mjs';
import { find_free_ports, fixed_ports } from '../../../demo/stack/ports.mjs';
import { ProcessGroup } from '../../../demo/stack/processes.mjs';
import { server_process, shop_processes } from '../../../demo/stack/shop.mjs';
import { wait_for_http } from '../../../demo/stack/wait.mjs';
import { WebhookReceiver } from '../../../demo/stack/webhook_receiver.mjs';

const seed = '618';

export class Shop {
  async start(binary, directory) {
    this.ports = await find_free_ports(Object.keys(fixed_ports));
    this.url = `http://127.0.0.1:${this.ports.server}`;
    const config = await write_configuration(path.join(directory, 'config'), profiles.story, this.ports);
    this.receiver = new WebhookReceiver();
    await this.receiver.listen(this.ports.webhook);
    this.processes = new ProcessGroup(path.join(directory, 'logs'));
    this.processes.failure.catch(() => {}); // told by whoever waits; after stop() it means nothing
    this.processes.start(server_process(binary, config));
    const wait = (url) => Promise.race([wait_for_http(url, { deadline_ms: 30_000 }), this.processes.failure]);
    await wait(`${this.url}/ready`);
    for (const description of shop_processes(this.ports, seed)) this.processes.start(description);
    await Promise.all(['notification', 'payment', 'inventory', 'order', 'sample'].map((name) => wait(`http://127.0.0.1:${this.ports[name]}/health`)));
    this.load = new Load({ order_url: `http://127.0.0.1:${this.ports.order}`, sample_url: `http://127.0.0.1:${this.ports.sample}`, seed });
    this.page = new ControlPage(new ShopControl({ load: this.load, ports: this.ports }));
    await this.page.listen(this.ports.page);
    this.pageUrl = `http://127.0.0.1:${this.ports.page}/`;
    return this;
  }

  async getJson(target) {
    const response = await fetch(this.url + target);
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${target}: ${response.status} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  // A quiet shop, then the burst of large orders, until the page fires.
  async incident(quietSeconds) {
    this.load.set_small_order_rate(8);
    this.load.set_sample_rate(2);
    await new Promise((resolve) => setTimeout(resolve, quietSeconds * 1000));
    await this.load.burst();
    this.load.set_large_order_rate(large_orders_per_second);
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      const { data } = await this.getJson('/api/v1/alerts');
      const firing = data.alerts.find(({ labels, state }) => labels.alertname === 'OrderLatencyBudgetBurnFast' && state === 'firing');
      if (firing) return firing;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error('OrderLatencyBudgetBurnFast did not fire within 60 s of the burst');
  }

  async stop() {
    await this.page?.close().catch(() => {}); // it may never have listened
    await this.load?.stop();
    await this.processes?.stop();
    await this.receiver?.close().catch(() => {}); // it may never have listened
  }
}
