// What can be said of one trace: who is whose parent, what each span has, what it costs. Everything is computed from
// the list of spans when it is asked for, by walking it.
import * as v from './values.mjs';

export class Trace {
  // `spans` as generated (traces.mjs), each once.
  constructor(id, spans) {
    this.id = id;
    this.spans = [...spans].sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1));  // ids of one length
    this.byId = new Map(this.spans.map((span) => [span.id, span]));
    this.parents = new Map(this.spans.map((span) => [span, this.byId.get(span.parent) ?? null]));
    this.cutCycles();
    this.memory = new Map();
  }

  // A span that names itself, or one above it that hangs on it, as its parent is a top of its own: the first that is
  // met twice on the way up, seen from the earliest span that hangs on the circle.
  cutCycles() {
    for (const span of this.spans) if (this.parents.get(span) === span) this.parents.set(span, null);
    for (const span of this.spans) {
      const seen = new Set();
      for (let at = span; at; at = this.parents.get(at)) {
        if (seen.has(at)) { this.cut(at); break; }
        seen.add(at);
      }
    }
  }
  // The circle is opened above `at`.
  cut(at) { this.parents.set(at, null); }

  once(name, compute) {
    if (!this.memory.has(name)) this.memory.set(name, compute());
    return this.memory.get(name);
  }

  parent(span) { return this.parents.get(span); }
  children(span) { return this.spans.filter((one) => this.parents.get(one) === span); }
  isAbove(upper, lower) {
    for (let at = this.parents.get(lower); at; at = this.parents.get(at)) if (at === upper) return true;
    return false;
  }
  areSiblings(a, b) { return a !== b && a.parent !== '' && a.parent === b.parent; }

  get start() { return Math.min(...this.spans.map((span) => span.start)); }
  get end() { return Math.max(...this.spans.map((span) => span.start + span.duration)); }
  get duration() { return this.end - this.start; }
  get root() { return this.spans.find((span) => span.parent === '') ?? null; }

  rootService() {
    if (!this.root) return '<root span not yet received>';
    const service = attributeOf(this.root, 'resource', 'service.name');
    return service.t === 'string' ? service.v : '';
  }
  rootName() { return this.root ? this.root.name : ''; }

  // Left and right of each span below a root: numbers given on the way in and out, children in time order.
  nestedSet(span) {
    return this.once('nested', () => {
      const numbers = new Map();
      let next = 1;
      const visit = (at, parent) => {
        const mine = { left: next++, right: 0, parent };
        numbers.set(at, mine);
        for (const child of this.children(at)) visit(child, mine.left);
        mine.right = next++;
      };
      for (const root of this.spans) if (root.parent === '') visit(root, -1);
      return numbers;
    }).get(span) ?? { left: 0, right: 0, parent: 0 };
  }

  // The nanoseconds between two neighbouring borders belong to the span when no child runs there.
  selfTime(span) {
    const [begin, end] = [span.start, span.start + span.duration];
    const children = this.children(span);
    const borders = [begin, end, ...children.flatMap((child) => [child.start, child.start + child.duration])]
      .filter((at) => at >= begin && at <= end).sort((a, b) => a - b);
    let total = 0;
    for (let i = 0; i + 1 < borders.length; ++i) {
      const busy = children.some((child) => child.start <= borders[i] && child.start + child.duration >= borders[i + 1]);
      if (!busy) total += borders[i + 1] - borders[i];
    }
    return total;
  }

  // What was waited for, from the end backwards: each time the child that ended last before what came after it began.
  // A child may reach a little past that (coarse clocks): a quarter of its time, a millisecond at most.
  criticalPath() {
    return this.once('critical', () => {
      const path = new Set();
      const tops = this.spans.filter((span) => !this.parent(span));
      const longest = tops.reduce((best, span) => (best && best.duration >= span.duration ? best : span), null);
      const visit = (span, until) => {
        path.add(span);
        const left = this.children(span).map((child) => ({ child, end: Math.min(child.start + child.duration, until) }));
        for (let cursor = until; ;) {
          const allowed = (child) => Math.min(1e6, Math.floor(child.duration / 4));
          const open = left.filter(({ child, end }) => end <= cursor + allowed(child) && child.start < Math.min(end, cursor));
          if (open.length === 0) return;
          const last = open.reduce((a, b) => (b.end > a.end || (b.end === a.end && b.child.start > a.child.start) ? b : a));
          left.splice(left.indexOf(last), 1);
          visit(last.child, Math.min(last.end, cursor));
          cursor = last.child.start;
        }
      };
      const top = this.root ?? longest;
      if (top) visit(top, top.start + top.duration);
      return path;
    });
  }
}

export function attributeOf(span, scope, name) {
  if (scope === 'any') {
    const own = attributeOf(span, 'span', name);
    return own.t === 'nil' ? attributeOf(span, 'resource', name) : own;
  }
  if (scope === 'event' || scope === 'link') {
    const holders = scope === 'event' ? span.events : span.links;
    return v.list(holders.filter((one) => one.attributes.has(name)).map((one) => one.attributes.get(name)));
  }
  if (scope === 'resource' && name === 'service.name' && span.service !== '') return v.string(span.service);
  return span[scope].get(name) ?? v.nil;
}

const ofTrace = {
  traceDuration: (trace) => v.duration(trace.duration),
  rootName: (trace) => v.string(trace.rootName()),
  rootServiceName: (trace) => v.string(trace.rootService()),
  'trace:id': (trace) => v.string(trace.id),
};
const ofSpan = {
  duration: (span) => v.duration(span.duration),
  name: (span) => v.string(span.name),
  status: (span) => v.status(span.status),
  statusMessage: (span) => v.string(span.message),
  kind: (span) => v.kind(span.kind),
  parent: (span) => (span.parent === '' ? v.nil : v.bool(true)),
  'span:childCount': (span, trace) => v.int(trace.children(span).length),
  'span:selfTime': (span, trace) => v.duration(trace.selfTime(span)),
  'span:onCriticalPath': (span, trace) => v.bool(trace.criticalPath().has(span)),
  'span:id': (span) => v.string(span.id),
  'span:parentID': (span) => v.string(span.parent),
  nestedSetLeft: (span, trace) => v.int(trace.nestedSet(span).left),
  nestedSetRight: (span, trace) => v.int(trace.nestedSet(span).right),
  nestedSetParent: (span, trace) => v.int(trace.nestedSet(span).parent),
  'event:name': (span) => v.list(span.events.map((event) => v.string(event.name))),
  'event:timeSinceStart': (span) => v.list(span.events.map((event) => v.duration(event.offset))),
  'link:traceID': (span) => v.list(span.links.map((link) => v.string(link.trace))),
  'link:spanID': (span) => v.list(span.links.map((link) => v.string(link.span))),
  'instrumentation:name': (span) => v.string(span.scopeName),
  'instrumentation:version': (span) => v.string(span.scopeVersion),
};

// `attribute`: {intrinsic} or {scope, name}, with ofParent.
export function read(attribute, span, trace) {
  if (attribute.ofParent) {
    span = trace.parent(span);
    if (!span) return v.nil;
  }
  if (!attribute.intrinsic) return attributeOf(span, attribute.scope, attribute.name);
  if (ofTrace[attribute.intrinsic]) return ofTrace[attribute.intrinsic](trace);
  return ofSpan[attribute.intrinsic](span, trace);
}
