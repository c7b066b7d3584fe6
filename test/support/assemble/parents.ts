import type { RunConfig } from '../../../src/assemble/oci-config.js';
import { file, folder, link, type TestEntry } from './node.js';

/** An image that cases are FROM. */
export interface ParentSpec {
  readonly layers: readonly (readonly TestEntry[])[];
  readonly config: RunConfig;
}

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh', 'daemon:x:1:1::/:/bin/false', 'app:x:1000:1001::/home/app:/bin/sh', 'web:x:33:44::/:/bin/false', '1234:x:77:88::/:/bin/false', 'dup:x:5:6::/:', 'dup:x:7:8::/:', '',
].join('\n');
const GROUP = ['root:x:0:', 'daemon:x:1:', 'app:x:1001:', 'web:x:44:', 'staff:x:50:app', 'onlygroup:x:60:', ''].join('\n');

/** Like a distribution: merged /usr, accounts, a sticky /tmp, and few surprises. */
const plain: ParentSpec = {
  layers: [[
    folder('etc'), file('etc/passwd', PASSWD), file('etc/group', GROUP), folder('usr'), folder('usr/bin'), file('usr/bin/sh', '#!', { mode: 0o755 }),
    folder('usr/lib'), folder('usr/local', 0o2775, { gid: 50 }), folder('var'), folder('var/lib'), folder('tmp', 0o1777), folder('home'), folder('home/app', 0o750, { uid: 1000, gid: 1001 }),
    link('bin', 'usr/bin'), link('lib', '/usr/lib'), folder('root', 0o700),
  ]],
  config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'LANG=C.UTF-8'], Cmd: ['sh'] },
};

/** Everything that may lie in the way of a destination. */
const odd: ParentSpec = {
  layers: [
    [
      folder('etc', 0o751), file('etc/passwd', PASSWD), link('etc/group', '../data/group'), folder('data', 0o711, { uid: 9, gid: 9 }), file('data/group', GROUP),
      folder('real', 0o750, { uid: 1000, gid: 1001 }), folder('real/deep', 0o700, { uid: 2000, gid: 2000 }), file('real/file', 'old', { mode: 0o640, uid: 5, gid: 6 }),
      link('rel', 'real'), link('abs', '/real'), link('chain', 'rel'), link('up', '../../real'), link('deep', '/rel/deep'),
      link('tofile', 'real/file'), link('dangling', 'nowhere'), link('danglingabs', '/made/by/link'), link('loop', 'loop2'), link('loop2', 'loop'),
      link('real/back', '..'), link('real/abs', '/tmp'), folder('tmp', 0o1777), folder('setgid', 0o2775, { gid: 50 }), folder('setgid/sub', 0o755),
      folder('closed', 0, { uid: 3, gid: 4 }), folder('full'), file('full/a', 'a', { mode: 0o600, uid: 1, gid: 1 }), file('full/b', 'b'), folder('full/sub', 0o700, { uid: 8, gid: 8 }),
      file('full/sub/x', 'x'), link('full/link', '/etc'), link('full/filelink', 'a'), folder('with space'), folder('ünï'), file('suid', 'suid', { mode: 0o4755 }),
      link('linktolinkdir', 'chain/deep'),
    ],
    [folder('second', 0o770, { uid: 70, gid: 71 }), file('second/from-two', '2'), folder('real', 0o755, { uid: 1000, gid: 1001 })],
  ],
  config: {
    User: 'app', WorkingDir: '/rel/work', Env: ['PATH=/odd/bin', 'A=parent', 'EMPTY=', 'SPACE=a b'], Entrypoint: ['/entry', 'point'], Cmd: ['parent', 'cmd'],
    Labels: { parent: 'yes', both: 'parent' }, ExposedPorts: { '1/tcp': {} }, Volumes: { '/vol': {} }, StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000, Retries: 4 }, Shell: ['/bin/odd', '-x'],
  },
};

/** Without accounts, without PATH. */
const bare: ParentSpec = { layers: [[folder('only'), file('only/file', 'x')]], config: {} };

const attributed: ParentSpec = {
  layers: [[folder('marked', 0o755, { xattrs: { 'user.note': 'kept' } }), file('marked/old', 'old'), folder('plain')]],
  config: {},
};

const onbuild: ParentSpec = { layers: [[folder('base')]], config: { OnBuild: ['COPY a.txt /triggered', 'ENV TRIGGERED=1'] } };

export const PARENTS = { plain, odd, bare, attributed, onbuild } as const satisfies Readonly<Record<string, ParentSpec>>;
