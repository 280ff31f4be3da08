// Faults that can be switched on and off while a service runs. A service declares each with its kind and default;
// GET /faults answers all values, POST /faults {name: value} changes some of them or, when anything is wrong with
// the request, none.

const kinds = {
  switch: {
    accepts: (value) => typeof value === 'boolean',
    describes: 'true or false',
  },
  probability: {
    accepts: (value) => typeof value === 'number' && value >= 0 && value <= 1,
    describes: 'a number from 0 to 1',
  },
  // Bounded so that a typing error does not park requests for hours.
  delay_ms: {
    accepts: (value) => typeof value === 'number' && value >= 0 && value <= 10000,
    describes: 'milliseconds from 0 to 10000',
  },
};

export class FaultError extends Error {}

export class Faults {
  #declared;
  #values = new Map();

  // declared: {name: {kind: 'switch' | 'probability' | 'delay_ms', initial: value}}
  constructor(declared) {
    this.#declared = declared;
    for (const [name, { kind, initial }] of Object.entries(declared)) {
      if (!kinds[kind]) throw new TypeError(`fault ${name} has unknown kind ${kind}`);
      if (!kinds[kind].accepts(initial)) throw new TypeError(`fault ${name} starts with a bad value`);
      this.#values.set(name, initial);
    }
  }

  get(name) {
    if (!this.#values.has(name)) throw new TypeError(`no fault is called ${name}`);
    return this.#values.get(name);
  }

  all() {
    return Object.fromEntries(this.#values);
  }

  // Throws FaultError, and changes nothing, when a name is unknown or a value does not fit.
  change(request) {
    if (request === null || typeof request !== 'object' || Array.isArray(request)) {
      throw new FaultError('expected an object {"name": value}');
    }
    for (const [name, value] of Object.entries(request)) {
      if (!Object.hasOwn(this.#declared, name)) {
        throw new FaultError(
          `no fault is called "${name}"; there are: ${Object.keys(this.#declared).join(', ')}`,
        );
      }
      const { accepts, describes } = kinds[this.#declared[name].kind];
      if (!accepts(value)) throw new FaultError(`fault "${name}" takes ${describes}`);
    }
    for (const [name, value] of Object.entries(request)) this.#values.set(name, value);
    return this.all();
  }
}
