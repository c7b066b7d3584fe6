import type { Case } from '../../../support/assemble/case.js';
import { file, folder, link } from '../../../support/assemble/node.js';

const CONTEXT = [
  file('a.txt', 'A'), file('ab.txt', 'AB'), file('b.md', 'B'), file('[x].txt', 'X'), file('s p', 'space'), file('*star', 'star'), folder('dir', 0o750), file('dir/c.txt', 'C'), file('dir/d.md', 'D'), folder('dir/in'),
  file('dir/in/e.txt', 'E'), folder('other'), file('other/c.txt', 'C2'), link('flink', 'a.txt'), link('dlink', 'dir'), link('abslink', '/dir/in'), link('uplink', '../../a.txt'),
  link('dir/self', '../dir/in'), folder('links'), link('links/f', '../a.txt'), link('links/d', '../dir'), link('links/gone', 'nothing'), link('gone', 'nowhere'), file('.hidden', 'h'), file('big', Buffer.alloc(300_000, 'z')),
  file('exec', 'e', { mode: 0o4711 }), folder('sgid', 0o2750), file('sgid/f', 'f', { mode: 0o2644 }), folder('sticky', 0o1777), file('none', '', { mode: 0 }),
];

const cases = (texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `sources: ${text.replace(/\n/g, ' ; ')}`, parent: 'plain', text, context: CONTEXT, ...(outcome === undefined ? {} : { outcome }) }));

/** What COPY takes. */
export const SOURCES: readonly Case[] = [
  ...cases([
    'COPY *.txt /t/', 'COPY ?.txt /t/', 'COPY [ab].txt /t/', 'COPY [!a]*.txt /t/', 'COPY [^a]*.txt /t/', 'COPY *.nothing /t/', 'COPY a.txt *.nothing /t/', 'COPY dir/*.txt /t/', 'COPY */c.txt /t/', 'COPY d* /t/', 'COPY [^g]* /t/', 'COPY dir/* /t/', 'COPY d*/* /t/',
    'COPY **/c.txt /t/', 'COPY a.txt ab.txt /noslash', 'COPY [[]x].txt /t/', 'COPY \\*star /t/', 'COPY a*.txt /one', 'COPY .* /t/', 'COPY flink /f', 'COPY flink /t/', 'COPY dlink /d', 'COPY dlink/c.txt /x', 'COPY dlink/*.txt /t/',
    'COPY abslink /d', 'COPY uplink /u', 'COPY dir/self /s', 'COPY links /l', 'COPY l* /l/', 'COPY f* /l/', 'COPY ["s p", "/x"]', 'COPY big /big', 'COPY exec /exec', 'COPY sgid /sgid', 'COPY sgid sticky /both/', 'COPY . /all/',
    'COPY none /none', 'COPY dir other /merged/', 'COPY dir/c.txt other/c.txt /last/', 'COPY dir/in/e.txt dir/ /', 'COPY [a-z]b.txt /t/', 'COPY dir/in/../c.txt /x', 'COPY link*/f /t/', 'COPY --chown=7 dlink /d', 'COPY --chmod=755 links /l',
    'ADD a.txt /x', 'ADD dir /d', 'ADD *.txt dir /t/', 'ADD --chown=5:6 --chmod=444 flink /t', 'COPY ./dir/./in /x', 'COPY dir// /x', 'COPY a.txt a.txt /dup/',
  ]),
  ...cases(['COPY missing /x', 'COPY dir/missing /x', 'COPY a.txt/x /x', 'COPY gone /x', 'ADD missing /x', 'COPY missing/*.txt /x/', 'COPY links/go* /l/', 'COPY * /t/', 'COPY */* /t/', 'COPY ** /t/', 'COPY links/* /l/'], 'fails'),
];
