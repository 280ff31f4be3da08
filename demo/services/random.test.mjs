import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from './random.mjs';

function draws(seed, count) {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.next());
}

test('the same seed gives the same numbers, another seed others', () => {
  assert.deepEqual(draws('7/order-service', 100), draws('7/order-service', 100));
  assert.notDeepEqual(draws('7/order-service', 100), draws('8/order-service', 100));
  assert.notDeepEqual(draws('7/order-service', 100), draws('7/payment-service', 100));
});

// The sequence must not change between releases: the story's figures depend on it.
test('the sequence of a known seed is fixed', () => {
  const random = new Random('618/payment-service');
  let failures = 0;
  let first_failure = -1;
  for (let charge = 0; charge < 1000; charge++) {
    if (random.chance(0.05)) {
      failures++;
      if (first_failure < 0) first_failure = charge;
    }
    random.next();
  }
  assert.equal(failures, 51);
  assert.equal(first_failure, 17);
});

test('numbers are spread evenly over [0, 1)', () => {
  const counts = new Array(10).fill(0);
  for (const value of draws('even', 100000)) {
    assert.ok(value >= 0 && value < 1);
    counts[Math.floor(value * 10)]++;
  }
  for (const count of counts) assert.ok(Math.abs(count - 10000) < 500, `a tenth holds ${count} of 100000`);
});

test('integer() reaches both ends and nothing beyond', () => {
  const random = new Random('ends');
  const seen = new Set(Array.from({ length: 1000 }, () => random.integer(6, 10)));
  assert.deepEqual(
    [...seen].sort((left, right) => left - right),
    [6, 7, 8, 9, 10],
  );
});

test('uniform() stays inside its bounds; chance() of 0 and 1 are certain', () => {
  const random = new Random('bounds');
  for (let index = 0; index < 1000; index++) {
    const value = random.uniform(270, 300);
    assert.ok(value >= 270 && value < 300);
    assert.equal(random.chance(0), false);
    assert.equal(random.chance(1), true);
  }
});
