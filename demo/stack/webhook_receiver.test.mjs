import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebhookReceiver } from './webhook_receiver.mjs';

let receiver;
let base_url;

before(async () => {
  receiver = new WebhookReceiver();
  base_url = `http://127.0.0.1:${await receiver.listen(0)}`;
});

after(() => receiver.close());

function notify(body) {
  return fetch(`${base_url}/alerts`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

test('a notification is kept and wakes those who wait for it, and only them', async () => {
  const firing = receiver.wait_for((body) => body.status === 'firing', 5000);
  const resolved = receiver.wait_for((body) => body.status === 'resolved', 100);
  assert.equal((await notify({ status: 'firing', alerts: [] })).status, 200);
  assert.equal((await firing).body.status, 'firing');
  assert.equal(await resolved, null);
  assert.equal((await receiver.wait_for((body) => body.status === 'firing', 0)).body.status, 'firing');
});

test('what is not JSON, or not for this address, is refused', async () => {
  const known = receiver.notifications.length;
  assert.equal((await notify('{"status": firing}')).status, 400);
  assert.equal((await fetch(`${base_url}/elsewhere`, { method: 'POST', body: '{}' })).status, 404);
  assert.equal((await fetch(`${base_url}/runbooks/no-such-thing`)).status, 404);
  assert.equal((await fetch(`${base_url}/runbooks/..%2Fpackage`)).status, 404);
  assert.equal(receiver.notifications.length, known);
});

test('runbooks are served as text', async () => {
  const response = await fetch(`${base_url}/runbooks/error-budget-burn`);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /slow_lookup/);
});
