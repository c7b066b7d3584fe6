import type { Case } from './case.js';
import { file, folder, gzip, link, tar, type TestEntry } from './node.js';

/** A generator of numbers that a seed fixes. */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    // Mulberry32: its low bits are as good as its high ones.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

const NAMES = ['a', 'b', 'ab', 'a.txt', 'x', 'sub', 'full', 'real', 'file', 'link', 'ü', 's p'];
const MODES = [0o644, 0o600, 0o755, 0o4755, 0o2711, 0, 0o777];
const FOLDER_MODES = [0o755, 0o700, 0o777, 0o1777, 0o2750];
const PLACES = {
  plain: ['/', '/bin', '/lib', '/tmp', '/home/app', '/usr/local', '/usr/local/n', '/etc', '/root', '/new', '/new/er', '/usr/bin/sh', 'rel', '.', '..', './x', '/a/../b', '/usr/lib'],
  odd: ['/', '/rel', '/abs', '/chain', '/deep', '/tofile', '/dangling', '/danglingabs', '/real/back', '/real/abs', '/setgid', '/setgid/sub', '/closed', '/full', '/full/sub', '/full/link', '/full/a', '/second', 'rel', '.', '../x', '/loop', '/new/place', '/suid'],
  bare: ['/', '/only', '/only/file', '/x/y', 'z'],
  scratch: ['/', '/x', '/x/y', 'z', '/bin'],
} as const;
const USERS = ['app', 'web:staff', '12', '12:13', 'root', 'app:app', ':staff', 'app:7'];

/** Thin Dockerfiles with contexts, always the same ones for a seed. */
export async function randomCases(seed: number, count: number, since: number): Promise<Case[]> {
  const random = randomNumbers(seed);
  const archive = gzip(await tar([folder('sub', 0o750, { uid: 5, gid: 6 }), file('sub/f', 'f', { mode: 0o4711, uid: 7 }), link('l', 'sub'), file('a', 'from tar', { gid: 9 })]));
  return Array.from({ length: count }, (_, index) => new Generator(random, archive, since).case(index));
}

class Generator {
  readonly #context: TestEntry[] = [];
  #parent: keyof typeof PLACES = 'plain';

  constructor(
    private readonly random: (bound: number) => number,
    private readonly archive: Buffer,
    private readonly since: number,
  ) {}

  case(index: number): Case {
    this.#parent = this.pick(['plain', 'plain', 'odd', 'odd', 'odd', 'bare', 'scratch'] as const);
    this.fill('', 3 + this.random(4), 0);
    const lines = Array.from({ length: 1 + this.random(4) }, () => this.line());
    // An engine can't save an image without layers.
    if (this.#parent === 'scratch') lines.unshift('COPY Dockerfile /');
    const text = lines.join('\n');
    return { name: `random ${index}: ${text.replace(/\n/g, ' ; ')}`, parent: this.#parent, text, context: this.#context, outcome: 'same', args: this.chance(3) ? { given: this.pick(NAMES) } : {} };
  }

  private fill(above: string, count: number, depth: number): void {
    const names = new Set(Array.from({ length: count }, () => this.pick(NAMES)));
    for (const name of names) {
      const path = above === '' ? name : `${above}/${name}`;
      const kind = this.random(10);
      if (kind < 3 && depth < 3) {
        this.#context.push(folder(path, this.pick(FOLDER_MODES)));
        this.fill(path, this.random(4), depth + 1);
      } else if (kind < 5) this.#context.push(link(path, this.pick(['a', 'b', 'sub', '../a', '/sub', '/a/b', 'nowhere', '.', '..', 'x/a'])));
      else if (kind < 6) this.#context.push(file(path, this.archive));
      else this.#context.push(file(path, `${path}\n`, { mode: this.pick(MODES) }));
    }
  }

  private line(): string {
    const kind = this.random(20);
    if (kind < 9) return this.copy();
    if (kind < 11) return `WORKDIR ${this.pick(PLACES[this.#parent])}${this.chance(3) ? '/w' : ''}`;
    if (kind < 12) return `USER ${this.pick(this.users())}`;
    return this.pick([
      () => `ENV ${this.pick(['A', 'B', 'PATH'])}=${this.word()} C=${this.word()}`,
      () => `ENV ${this.pick(['A', 'D'])} ${this.word()} ${this.word()}`,
      () => `ARG ${this.pick(['A', 'E', 'given'])}${this.chance(2) ? `=${this.word()}` : ''}`,
      () => `LABEL ${this.pick(['l', 'm'])}=${this.word()} "k ${this.pick(['1', '$A'])}"=${this.word()}`,
      () => `CMD ${this.pick(['echo $A', '["x", "$A"]', '[]', "['y']", '"quoted" x'])}`,
      () => `ENTRYPOINT ${this.pick(['run $A', '["e"]', '[]'])}`,
      () => `EXPOSE ${this.pick(['80', '80/udp 81', '9000-9002', '5/sctp 1'])}`,
      () => `VOLUME ${this.pick(['/v', '["/v", "$A/x"]', '/v $A/w'])}`,
      () => `HEALTHCHECK ${this.pick(['NONE', '--interval=90s --retries=2 CMD x "y"', '--timeout=1500ms CMD ["a"]'])}`,
      () => `SHELL ${this.pick(['["/bin/bash", "-c"]', '["x"]'])}`,
      () => `STOPSIGNAL ${this.pick(['SIGINT', '9'])}`,
    ])();
  }

  private copy(): string {
    const keyword = this.pick(['COPY', 'COPY', 'COPY', 'ADD']);
    const flags = [
      // Older engines pass over the owner of what they unpack.
      ...(this.chance(4) && (keyword === 'COPY' || this.since >= 28) ? [`--chown=${this.pick(this.users())}`] : []),
      ...(this.since >= 28 && this.chance(6) ? [`--chmod=${this.pick(['644', '4755', 'u=rwX,go=rX', 'g+w', '700'])}`] : []),
      ...(this.since >= 28 && this.chance(8) ? [`--exclude=${this.pick(['a', '**/a', '*.txt', 'sub', 'sub/*'])}`] : []),
      ...(this.since >= 28 && this.chance(8) ? ['--link'] : []),
    ];
    const sources = Array.from({ length: this.chance(3) ? 2 : 1 }, () => this.source());
    const destination = `${this.pick(PLACES[this.#parent])}${this.pick(['', '', '/', '/', '/a', '/sub', '/sub/'])}`.replace('//', '/');
    return sources.some((source) => source.includes(' '))
      ? `${[keyword, ...flags].join(' ')} ${JSON.stringify([...sources, destination])}`
      : [keyword, ...flags, ...sources, destination].join(' ');
  }

  private source(): string {
    if (this.#context.length === 0 || this.chance(12)) return this.pick(['.', './', '*', 'missing', 'a*', 'sub/*', '[a-b]*']);
    const { path } = this.pick(this.#context);
    if (this.chance(5)) return path.replace(/[^/]+$/, (name) => this.pick([`${name.slice(0, 1)}*`, '*', '?', `[${name.slice(0, 1)}]*`]));
    return `${path}${this.chance(6) ? this.pick(['/', '/.', '/*', '/a']) : ''}`;
  }

  /** Older engines fail where there are no accounts at all. */
  private users(): readonly string[] {
    return this.#parent === 'bare' || this.#parent === 'scratch' ? ['12', '12:13', 'root'] : USERS;
  }

  private word(): string {
    return this.pick(['1', '$A', '"x $B"', "'$A'", '${C:-def}', '${A:+set}', 'a\\ b', '"q\\"q"', '$given', 'é', '/p:$PATH', '""']);
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)]!;
  }

  private chance(oneIn: number): boolean {
    return this.random(oneIn) === 0;
  }
}
