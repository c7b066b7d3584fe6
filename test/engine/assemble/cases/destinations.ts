import type { Case } from '../../../support/assemble/case.js';
import { file, folder, link } from '../../../support/assemble/node.js';

const CONTEXT = [
  file('a.txt', 'A'), file('b.txt', 'B', { mode: 0o755 }), file('secret', 's', { mode: 0o600 }), folder('dir', 0o700), file('dir/one', '1', { mode: 0o640 }),
  folder('dir/sub', 0o777), file('dir/sub/two', '2'), folder('dir/empty', 0o711), link('dir/link', 'one'), link('dir/out', '/etc/passwd'), folder('hollow', 0o750),
];

const on = (parent: Case['parent'], texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `${parent}: ${text.replace(/\n/g, ' ; ')}`, parent, text, context: CONTEXT, ...(outcome === undefined ? {} : { outcome }) }));

/** Where COPY puts things. */
export const DESTINATIONS: readonly Case[] = [
  ...on('plain', [
    'COPY a.txt /', 'COPY a.txt /x', 'COPY a.txt /x/', 'COPY a.txt /x/y/z', 'COPY a.txt /bin/', 'COPY a.txt /bin', 'COPY a.txt /bin/tool', 'COPY a.txt /lib/x/y',
    'COPY dir /', 'COPY dir /d', 'COPY dir /d/', 'COPY dir /bin', 'COPY dir /home/app', 'COPY dir /home/app/', 'COPY dir /home/app/deeper/', 'COPY a.txt b.txt /two/',
    'COPY dir a.txt hollow /mixed/', 'COPY hollow /', 'COPY hollow /tmp', 'COPY hollow /new', 'COPY . /all', 'COPY ./ /all/', 'COPY a.txt .', 'COPY a.txt ./', 'COPY a.txt x',
    'WORKDIR /w\nCOPY a.txt .\nCOPY b.txt ./sub/\nCOPY dir ..\nCOPY a.txt ../up\nCOPY b.txt ./../dots/', 'WORKDIR /lib\nCOPY a.txt .', 'COPY a.txt /x/./y/../z',
    'COPY a.txt /tmp/f', 'COPY a.txt /usr/local/new/file', 'COPY dir /usr/local/newdir', 'COPY a.txt /usr/local/f', 'WORKDIR /usr/local/w\nCOPY hollow x/y',
    'COPY a.txt /root/x', 'COPY a.txt //double//slash', 'COPY a.txt /f\nCOPY b.txt /f', 'COPY dir /d\nCOPY dir/sub /d\nCOPY a.txt /d/one', 'COPY a.txt /usr/bin/sh',
    'COPY dir/sub/ /s', 'COPY dir/. /s', 'COPY /a.txt /abs', 'COPY ../a.txt /climb', 'COPY dir/../a.txt /x', 'COPY --chmod=755 dir /dd', 'COPY --chmod=755 a.txt /mode',
    'COPY --chmod=0644 a.txt /bin/', 'COPY --chmod=1777 hollow /t/', 'COPY --chmod=700 dir /home/app', 'COPY ["a.txt", "b.txt", "/json dir/"]', 'COPY ["a.txt","/x y"]',
  ]),
  ...on('odd', [
    'COPY a.txt /rel/x', 'COPY a.txt /rel', 'COPY a.txt /abs/', 'COPY dir /abs', 'COPY dir /chain/', 'COPY dir /up', 'COPY a.txt /up/x', 'COPY a.txt /deep/x', 'COPY a.txt /deep',
    'COPY a.txt /tofile', 'COPY a.txt /dangling', 'COPY a.txt /dangling/', 'COPY dir /dangling', 'COPY dir /danglingabs', 'COPY a.txt /danglingabs', 'COPY a.txt /danglingabs/f',
    'COPY a.txt /rel/back/x', 'COPY a.txt /real/back/abs', 'COPY a.txt /rel/abs/t', 'COPY a.txt /setgid/f', 'COPY a.txt /setgid/n/f', 'COPY dir /setgid/n', 'COPY dir /setgid/', 'COPY --chown=3:4 dir /setgid/m',
    'COPY a.txt /closed/f', 'COPY a.txt /closed/sub/f', 'COPY dir /full', 'COPY a.txt /full/link', 'COPY a.txt /full/filelink', 'COPY a.txt /full/link/', 'COPY a.txt /full/sub',
    'COPY a.txt /suid', 'COPY ["a.txt", "/with space/"]', 'COPY a.txt /ünï/ö', 'COPY a.txt .', 'COPY dir sub', 'COPY a.txt /linktolinkdir/x', 'COPY a.txt /second/x', 'COPY dir /second',
    'WORKDIR /second\nCOPY dir/sub ./\nCOPY a.txt sub', 'COPY a.txt /rel/file', 'COPY a.txt /rel/../x', 'COPY a.txt /deep/../x', 'COPY hollow /second', 'COPY hollow /real', 'COPY a.txt /full/../etc/x',
  ]),
  {
    name: 'odd: a folder with what lies in the way', parent: 'odd', text: 'COPY tree /full',
    context: [folder('tree', 0o755), file('tree/a', 'new'), folder('tree/sub', 0o755), file('tree/sub/x', 'y', { mode: 0o600 }), link('tree/b', 'a'), file('tree/link', 'instead'), file('tree/filelink', 'instead')],
  },
  { name: 'odd: a link in the place of a file', parent: 'odd', text: 'COPY dir /real', context: [folder('dir'), link('dir/file', 'deep'), link('dir/deep2', 'deep')] },
  ...on('odd', ['COPY dir /real/file', 'COPY a.txt /real/file/x', 'COPY a.txt /loop', 'COPY a.txt /loop/x', 'COPY dir /tofile', 'WORKDIR /tofile', 'WORKDIR /loop', 'COPY a.txt /real/file/'], 'fails'),
  { name: 'odd: a folder onto a nested link', parent: 'odd', text: 'COPY t /full', context: [folder('t'), folder('t/link'), file('t/link/x')], outcome: 'fails' },
  { name: 'odd: a file onto a nested folder', parent: 'odd', text: 'COPY t /full', context: [folder('t'), file('t/sub')], outcome: 'fails' },
  ...on('bare', ['COPY a.txt /only/', 'COPY dir /only', 'COPY dir /', 'COPY a.txt /etc/x', 'WORKDIR x\nCOPY a.txt y/']),
  ...on('scratch', ['COPY a.txt /', 'COPY dir /d', 'COPY a.txt x/y', 'COPY . .', 'COPY --chown=1:2 a.txt /deep/er/', 'WORKDIR /w\nCOPY a.txt .']),
  ...on('attributed', ['COPY a.txt /plain/x']),
  ...on('attributed', ['COPY a.txt /marked/x'], 'not thin'),
];
