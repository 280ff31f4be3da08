import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultError, Faults } from './faults.mjs';

function some_faults() {
  return new Faults({
    slow_lookup: { kind: 'switch', initial: true },
    payment_failure_rate: { kind: 'probability', initial: 0.05 },
    delay: { kind: 'delay_ms', initial: 0 },
  });
}

test('faults start at their initial values and change', () => {
  const faults = some_faults();
  assert.deepEqual(faults.all(), { slow_lookup: true, payment_failure_rate: 0.05, delay: 0 });
  assert.deepEqual(faults.change({ slow_lookup: false, delay: 20 }), {
    slow_lookup: false,
    payment_failure_rate: 0.05,
    delay: 20,
  });
  assert.equal(faults.get('slow_lookup'), false);
});

test('a bad request is refused with the reason and changes nothing', () => {
  const refused = [
    [{ slow_lokup: false }, /no fault is called "slow_lokup"; there are: slow_lookup/],
    [{ toString: true }, /no fault is called "toString"/],
    [{ slow_lookup: 'off' }, /"slow_lookup" takes true or false/],
    [{ payment_failure_rate: 5 }, /takes a number from 0 to 1/],
    [{ payment_failure_rate: NaN }, /takes a number from 0 to 1/],
    [{ delay: -1 }, /takes milliseconds/],
    [{ slow_lookup: false, delay: 1e9 }, /"delay" takes milliseconds/],
    [null, /expected an object/],
    [[], /expected an object/],
  ];
  for (const [request, reason] of refused) {
    const faults = some_faults();
    assert.throws(
      () => faults.change(request),
      (error) => error instanceof FaultError && reason.test(error.message),
    );
    assert.deepEqual(faults.all(), some_faults().all());
  }
});

test('declaring or asking for what does not exist is a programming error', () => {
  assert.throws(() => some_faults().get('nothing'), TypeError);
  assert.throws(() => new Faults({ broken: { kind: 'switch', initial: 1 } }), TypeError);
  assert.throws(() => new Faults({ broken: { kind: 'lever', initial: true } }), TypeError);
});
