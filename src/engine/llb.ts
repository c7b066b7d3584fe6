import { createHash } from 'node:crypto';
import { encode, entriesOf } from './protobuf.js';

/** Tars that are to be unpacked, one over the other, each as a layer of its own. */
export interface Unpacking {
  /** Full reference of an image that the engine has: what the layers lie on, and whose `tar` unpacks them. */
  readonly from: string;
  /** Where each tar is read, bottom first. */
  readonly urls: readonly string[];
  /** Name of the folder that the tree is mounted at, while `tar` runs; shows in the builder's cache. */
  readonly mark: string;
  readonly platform: { readonly os: string; readonly architecture: string };
}

const FILE = 'layer.tar';
const NO_NETWORK = 2;
/** Of a mount: what is written there is thrown away. */
const SKIP = -1;
/** Of a mount: what is in it is not read to find out whether the result is cached. */
const NOT_HASHED = 2;

/**
 * A build graph of BuildKit (`pb.Definition`, protocol buffers): a Dockerfile has no instruction whose `RUN` writes to another tree than its own,
 * and its own has mount points for /etc/hosts and the like, which would be in each layer.
 */
export function unpackDefinition({ from, urls, mark, platform: { os, architecture } }: Unpacking): Buffer {
  const operations: Buffer[] = [];
  const platform = encode({ 1: architecture, 2: os });
  /** `op`: number and value of the field of the operation. */
  const add = (inputs: readonly string[], op: Readonly<Record<number, Buffer>>): string => {
    // Input: 1 digest, 2 index. Op: 1 inputs, 2 exec, 3 source, 10 platform.
    const bytes = encode({ 1: inputs.map((digest) => encode({ 1: digest })), ...op, 10: platform });
    operations.push(bytes);
    return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  };
  // SourceOp: 1 identifier, 2 attrs.
  const source = (identifier: string, attributes: Readonly<Record<string, string>>): string => add([], { 3: encode({ 1: identifier, 2: entriesOf(attributes) }) });
  // Mount: 1 input, 3 dest, 4 output, 5 readonly, 24 contentCache.
  const mount = (input: number, dest: string, output: number): Buffer => encode({ 1: input, 3: dest, 4: output, 5: output === SKIP && input > 0, 24: NOT_HASHED });
  const [tree, read] = [`/.${mark}`, `/.${mark}-layer`];
  // Meta: 1 args, 2 env, 3 cwd.
  const meta = encode({ 1: ['tar', '-xpf', `${read}/${FILE}`, '-C', tree, '--numeric-owner'], 2: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], 3: '/' });
  const ground = source(`docker-image://${from}`, { 'image.resolvemode': 'local' });
  let top = ground;
  for (const url of urls) {
    const tar = source(url, { 'http.filename': FILE });
    // ExecOp: 1 meta, 2 mounts, 3 network.
    top = add([ground, top, tar], { 2: encode({ 1: meta, 2: [mount(0, '/', SKIP), mount(1, tree, 0), mount(2, read, SKIP)], 3: NO_NETWORK }) });
  }
  // The last one says which result is meant. Definition: 1 def.
  operations.push(encode({ 1: [encode({ 1: top })] }));
  return encode({ 1: operations });
}
