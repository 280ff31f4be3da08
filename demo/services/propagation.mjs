// Whose trace a request belongs to. Services of the shop are called by whatever stands in front of them, so they take the
// headers of every system in the field: W3C traceparent (which wins where several are there), B3 in one header or many,
// Jaeger's uber-trace-id, AWS X-Ray's X-Amzn-Trace-Id. What they send on is W3C alone: inside the shop everybody speaks it.
import { createContextKey, trace } from '@opentelemetry/api';
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

const members_max = 32;
const key = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

// Whether all of a tracestate may go on: a list with one wrong member, or with too many, is dropped as a whole.
export function is_tracestate(headers) {
  const members = [headers].flat().join(',').split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, '')).filter((member) => member !== '');
  return members.length <= members_max && members.every((member) => {
    const equals = member.indexOf('=');
    return equals > 0 && key.test(member.slice(0, equals)) && value.test(member.slice(equals + 1));
  });
}

const random_flag = 2;
const random_trace = createContextKey('trace id whose bits the sender said are random');

// The SDK's propagator, but strict about tracestate and with the random flag of level 2, which the SDK's spans lose.
class TraceContext extends W3CTraceContextPropagator {
  extract(context, carrier, getter) {
    const strict = {
      keys: (of) => getter.keys(of),
      get: (of, name) => {
        const headers = getter.get(of, name);
        return name === 'tracestate' && headers !== undefined && !is_tracestate(headers) ? undefined : headers;
      },
    };
    const extracted = super.extract(context, carrier, strict);
    const parent = trace.getSpanContext(extracted);
    return extracted !== context && parent.traceFlags & random_flag ? extracted.setValue(random_trace, parent.traceId) : extracted;
  }

  inject(context, carrier, setter) {
    super.inject(context, carrier, {
      set: (to, name, header) => {
        const is_random = name === 'traceparent' && context.getValue(random_trace) === header.slice(3, 35);
        setter.set(to, name, is_random ? header.slice(0, 53) + (parseInt(header.slice(53), 16) | random_flag).toString(16).padStart(2, '0') : header);
      },
    });
  }
}

// The last one that finds something wins, so the order is from the weakest to the strongest.
export function shop_propagator() {
  return new CompositePropagator({
    propagators: [
      new Incoming(new AWSXRayPropagator()),
      new Incoming(new JaegerPropagator()),
      new Incoming(new B3Propagator()),
      new TraceContext(),
      new W3CBaggagePropagator(),
    ],
  });
}
