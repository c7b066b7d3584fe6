import type { Case } from '../../../support/assemble/case.js';
import { file, folder } from '../../../support/assemble/node.js';

const CONTEXT = [file('a.txt', 'A'), folder('dir', 0o700), file('dir/one', '1'), folder('acc'), file('acc/passwd', 'new:x:500:501::/:\nroot:x:9:9::/:\n'), file('acc/group', 'fresh:x:600:\n')];

const on = (parent: Case['parent'], texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `${parent} owners: ${text.replace(/\n/g, ' ; ')}`, parent, text, context: CONTEXT, ...(outcome === undefined ? {} : { outcome }) }));

/** Whose things are, of COPY and WORKDIR. */
export const OWNERS: readonly Case[] = [
  ...on('plain', [
    'COPY --chown=app a.txt /x', 'COPY --chown=app:staff dir /d', 'COPY --chown=web:web a.txt /n/e/w/', 'COPY --chown=1000 a.txt /x', 'COPY --chown=1000:app a.txt /x', 'COPY --chown=app:7 a.txt /x', 'COPY --chown=0:0 dir /d',
    'COPY --chown=root a.txt /x', 'COPY --chown=root:staff a.txt /x', 'COPY --chown=:staff a.txt /x', 'COPY --chown=app: a.txt /x', 'COPY --chown=1234 a.txt /x', 'COPY --chown=1234:1234 a.txt /x', 'COPY --chown=dup a.txt /x',
    'COPY --chown=app dir /home/app', 'COPY --chown=app a.txt /home/app/', 'COPY --chown=app dir /usr/local', 'COPY --chown=app dir /usr/local/n', 'USER app\nCOPY a.txt /x', 'USER app\nWORKDIR /w/o/r', 'USER app:staff\nWORKDIR /w',
    'USER 12:13\nWORKDIR /w', 'USER 12\nWORKDIR /w', 'USER app\nWORKDIR /home/app', 'USER app\nWORKDIR /usr/local/inside', 'WORKDIR /usr/local/inside', 'USER app\nWORKDIR rel\nWORKDIR ative', 'COPY acc /etc\nCOPY --chown=new:fresh a.txt /x',
    'COPY acc /etc\nUSER new\nWORKDIR /w', 'COPY acc /etc\nCOPY --chown=root a.txt /x', 'ARG who=app\nCOPY --chown=$who:${grp:-staff} a.txt /x', 'ENV who=web\nCOPY --chown=${who} a.txt /x', 'COPY --chown=2147483647 a.txt /x',
    'WORKDIR /', 'WORKDIR /tmp', 'WORKDIR /bin/x', 'WORKDIR /a/../b', 'WORKDIR a\nWORKDIR /b\nWORKDIR c\nWORKDIR ..', 'WORKDIR /lib', 'WORKDIR /t/', 'ENV d=/env/dir\nWORKDIR $d/x', 'WORKDIR "/quo ted"', 'WORKDIR /with space', 'WORKDIR .',
  ]),
  ...on('plain', ['COPY --chown=nobodyhere a.txt /x', 'COPY --chown=app:nogroup a.txt /x', 'COPY --chown=:nogroup a.txt /x', 'USER nobodyhere\nWORKDIR /w', 'USER app:nogroup\nWORKDIR /w', 'COPY --chown=nobodyhere:staff a.txt /x']),
  ...on('odd', [
    'COPY --chown=app:app a.txt /x', 'COPY --chown=app:staff dir /real', 'WORKDIR /rel/n', 'WORKDIR n', 'WORKDIR /dangling', 'WORKDIR /danglingabs/x', 'WORKDIR /setgid/w', 'USER root\nWORKDIR /setgid/w', 'USER 0\nWORKDIR /v', 'COPY a.txt b/',
    'USER web:onlygroup\nWORKDIR /q\nCOPY a.txt .', 'WORKDIR /closed/w', 'WORKDIR /rel/back/here',
  ]),
  ...on('scratch', ['USER 5\nWORKDIR /w', 'COPY --chown=5 a.txt /x', 'COPY acc/passwd /etc/\nCOPY --chown=new a.txt /x']),
];
