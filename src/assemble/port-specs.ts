import { Refusal } from './refusal.js';

const RANGE = /^(\d+)(?:-(\d+))?$/;
const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** The ports that an EXPOSE word names, each with its protocol: `8000-8001/udp` is `8000/udp` and `8001/udp`. */
export function exposedPorts(spec: string): string[] {
  const slash = spec.indexOf('/');
  const protocol = (slash === -1 ? 'tcp' : spec.slice(slash + 1)).toLowerCase() || 'tcp';
  const ports = slash === -1 ? spec : spec.slice(0, slash);
  // `ip:host:container` is allowed, and only the container's part counts.
  const range = RANGE.exec(ports.slice(ports.lastIndexOf(':') + 1));
  if (range === null) throw new Refusal(`EXPOSE ${spec} names no port`);
  const first = Number(range[1]);
  const last = Number(range[2] ?? range[1]);
  if (first > last || last > 65535) throw new Refusal(`EXPOSE ${spec}: ports go from 0 to 65535, the lower one first`);
  if (!PROTOCOLS.includes(protocol)) throw new Refusal(`EXPOSE ${spec}: the protocol is one of ${PROTOCOLS.join(', ')}`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}
