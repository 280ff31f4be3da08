// Whose trace a request belongs to. Services of the shop are called by whatever stands in front of them, so they take the
// headers of every system in the field: W3C traceparent (which wins where several are there), B3 in one header or many,
// Jaeger's uber-trace-id, AWS X-Ray's X-Amzn-Trace-Id. What they send on is W3C alone: inside the shop everybody speaks it.
import { AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray';
import { B3Propagator } from '@opentelemetry/propagator-b3';
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';

// Extracts, never injects.
class Incoming {
  constructor(propagator) {
    this.propagator = propagator;
  }
  inject() {}
  extract(context, carrier, getter) {
    return this.propagator.extract(context, carrier, getter);
  }
  fields() {
    return [];
  }
}

// The last one that finds something wins, so the order is from the weakest to the strongest.
export function shop_propagator() {
  return new CompositePropagator({
    propagators: [
      new Incoming(new AWSXRayPropagator()),
      new Incoming(new JaegerPropagator()),
      new Incoming(new B3Propagator()),
      new W3CTraceContextPropagator(),
      new W3CBaggagePropagator(),
    ],
  });
}
