import type { Context } from './kind.js';

/**
 * Reads a set's input files once in a run, for its key and for telling what reaches it. By the spec's identity: another run has
 * another one.
 */
export function sharedReading<Spec extends object, From extends Pick<Context, 'root'>, Read>(read: (spec: Spec, from: From) => Promise<Read>): (spec: Spec, from: From) => Promise<Read> {
  const readings = new WeakMap<Spec, Promise<Read>>();
  return (spec, from) => {
    const known = readings.get(spec) ?? read(spec, from);
    readings.set(spec, known);
    return known;
  };
}
