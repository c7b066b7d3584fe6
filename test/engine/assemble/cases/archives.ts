import type { Case } from '../../../support/assemble/case.js';
import { file, folder, gzip, hardlink, link, tar } from '../../../support/assemble/node.js';

const ordinary = await tar([folder('t', 0o750, { uid: 5, gid: 6 }), file('t/f', 'f', { mode: 0o4751, uid: 7, gid: 8 }), link('t/l', 'f', { uid: 9, gid: 9 }), hardlink('t/h', 't/f', { mode: 0o4751, uid: 7, gid: 8 }), hardlink('a-first', 't/f', { mode: 0o600, uid: 70, gid: 8 }), folder('t/e', 0o1777)]);
const implied = await tar([file('no/folder/named', 'x', { uid: 3 })]);
const overwriting = await tar([folder('full', 0o700, { uid: 4, gid: 4 }), file('full/a', 'new', { mode: 0o611 }), link('full/b', 'a'), file('full/link', 'file now'), folder('full/sub', 0o755)]);
const rooted = await tar([folder('.', 0o700, { uid: 3, gid: 3 }), file('./dotted', 'x'), folder('./d'), file('./d/x', 'y')]);
const twice = await tar([file('f', 'first'), file('f', 'second', { mode: 0o600 }), folder('d', 0o700), folder('d', 0o755)]);
const through = await tar([folder('to'), link('via', 'to'), file('via/x', 'x')]);
const replacing = await tar([file('full', 'instead of a folder')]);
const onLink = await tar([folder('rel', 0o755), file('rel/x', 'x')]);
const marked = await tar([file('x', 'x', { xattrs: { 'user.a': 'b' } })]);
const absolute = await tar([file('/abs', 'x')]);
const whiteout = await tar([file('.wh.gone', '')]);
const big = await tar([file('big', Buffer.alloc(2_000_000, 'b')), file('second', 'after')]);
const empty = await tar([]);

const CONTEXT = [
  file('t.tar', ordinary), file('t.tgz', gzip(ordinary)), file('noext', gzip(ordinary)), file('implied.tar', implied), file('over.tar', overwriting), file('rooted.tar', rooted), file('twice.tar', twice), file('through.tar', through),
  file('replacing.tar', replacing), file('onlink.tar', onLink), file('marked.tar', marked), file('absolute.tar', absolute), file('whiteout.tar', whiteout), file('big.tar', gzip(big)), file('empty.tar', empty), file('fake.tar', 'no tar at all'),
  file('fake.gz', gzip(Buffer.from('only gzip'))), file('nothing.tar', ''), file('cut.tar.gz', gzip(ordinary).subarray(0, 20)), file('bzip', Buffer.from('BZh91AY&SY')), folder('d'), file('d/in.tar', ordinary), link('tlink', 't.tar'),
];
const on = (parent: Case['parent'], texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `${parent} archives: ${text.replace(/\n/g, ' ; ')}`, parent, text, context: CONTEXT, ...(outcome === undefined ? {} : { outcome }) }));

/** What ADD unpacks. */
export const ARCHIVES: readonly Case[] = [
  ...on('plain', [
    'ADD t.tar /', 'ADD t.tar /x', 'ADD t.tar /x/y/', 'ADD t.tgz /x/', 'ADD noext /x/', 'ADD t.tar rooted.tar /x/', 'ADD t.tar fake.tar d /x/', 'ADD rooted.tar /home/app/',
    'ADD twice.tar /x/', 'ADD big.tar /x/', 'ADD empty.tar /x/', 'ADD fake.tar /x/', 'ADD fake.gz /x/', 'ADD nothing.tar /x/', 'ADD d /x/', 'ADD tlink /x/', 'COPY t.tar /x/', 'ADD t.tar /bin', 'ADD t.tar /usr/local/', 'ADD tw*.tar t.* /x/', 'WORKDIR /w\nADD t.tar .',
    'ADD t.tar /x/\nADD t.tar /x/\nCOPY d /x/t', 'ADD --chmod=700 t.tar fake.tar /x/',
  ]),
  ...on('odd', ['ADD over.tar /', 'ADD t.tar /rel', 'ADD t.tar /rel/n', 'ADD t.tar /dangling', 'ADD over.tar /abs', 'ADD t.tar /setgid', 'ADD t.tar /closed/']),
  ...on('plain', ['ADD marked.tar /', 'ADD bzip /x/', 'ADD absolute.tar /x/', 'ADD whiteout.tar /x/', 'ADD through.tar /x/'], 'not thin'),
  ...on('odd', ['ADD replacing.tar /'], 'not thin'),
  ...on('plain', ['ADD --chown=app t.tar /x/', 'ADD --chown=app t.tar fake.tar /x/y/']).map((one) => ({ ...one, since: 28 })),
  ...on('scratch', ['ADD t.tar /', 'ADD t.tgz rooted.tar /r/', 'ADD implied.tar /x/']),
];
