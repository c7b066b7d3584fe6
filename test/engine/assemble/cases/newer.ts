import type { Case } from '../../../support/assemble/case.js';
import { file, folder, link } from '../../../support/assemble/node.js';

const CONTEXT = [
  file('a.txt', 'A'), file('b.md', 'B'), folder('dir', 0o700), file('dir/one', '1', { mode: 0o640 }), folder('dir/sub', 0o777), file('dir/sub/two', '2'), file('dir/sub/b.md', 'b'), folder('hollow', 0o750), folder('sgid', 0o2770), folder('sticky', 0o1707),
  file('sgid/f', 'f', { mode: 0o6711 }), file('exec', 'x', { mode: 0o711 }), folder('x'), folder('x/a', 0o711), file('x/a/f', 'f'), link('l', 'dir'),
];
const on = (parent: Case['parent'], texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `${parent} newer: ${text.replace(/\n/g, ' ; ')}`, parent, text, context: CONTEXT, since: 28, ...(outcome === undefined ? {} : { outcome }) }));

/** What BuildKit does since, or does otherwise than the one of engine 20.10. */
export const NEWER: readonly Case[] = [
  ...on('plain', [
    'COPY <<EOF /h\nhello $LANG "quoted" \'single\' \\$x \\n ${NO:-def}\nEOF', 'COPY <<"EOF" <<-two.txt /hd/\nraw $LANG\nEOF\n\tchomped\n\t\ttwice $LANG\ntwo.txt', 'COPY --chown=app --chmod=600 a.txt <<EOF /hd/\nx\nEOF', 'ADD <<EOF /add\nx\nEOF',
    'COPY <<EOF /home/app/\nEOF', 'COPY <<a <<b /bin/\n1\na\n2\nb', 'ONBUILD COPY <<EOF /x\ncontent\nEOF', 'COPY <<EOF a.txt /mixed/\nx\nEOF',
    'COPY --link a.txt /bin/x', 'COPY --link dir /home/app', 'COPY --link=true a.txt /new/x', 'COPY --link=false a.txt /new/x', 'COPY --link --chown=5:6 --chmod=700 dir /q/w', 'ADD --link a.txt /x',
    'COPY --exclude=*.md . /p/', 'COPY --exclude=**/*.md . /p/', 'COPY --exclude=sub dir /p/', 'COPY --exclude=sub/* dir /p/', 'COPY --exclude=a.txt a.txt b.md /p/', 'COPY --exclude=*.txt * /p/', 'COPY --exclude=two --exclude=!x dir/sub /p/', 'COPY --exclude=dir/sub . /p/',
    'COPY --exclude=* --exclude=!a.txt . /p/', 'COPY --exclude=one d* /p/', 'ADD --exclude=one dir /p/', 'COPY --exclude=sub --exclude=!sub/two dir /p/', 'COPY --exclude=* dir /p/', 'ARG no=sub\nCOPY --exclude=$no dir /p/',
    'COPY --chmod=700 a.txt /n1/n2/n3', 'COPY --chmod=1777 hollow /t2/', 'COPY --chmod=2750 dir /x/y/', 'COPY --chmod=4700 a.txt /n/', 'COPY --chmod=666 dir /n/', 'COPY --chmod=0 dir /n/', 'COPY --chmod=4755 a.txt /suid', 'ADD --chown=5:6 --chmod=444 a.txt /t/',
    'COPY --chmod=u=rwX,go=rX dir /x/y/', 'COPY --chmod=g+w,o-x a.txt dir /x/y/', 'COPY --chmod=+x a.txt /x/y/', 'COPY --chmod=u+s,g+s,+t a.txt hollow /x/y/', 'COPY --chmod=a=rX,u+w dir /d', 'COPY --chmod=u=rw,g=u,o= . /d', 'COPY --chmod=go= . /d',
    'COPY --chmod=a=rx . /d', 'COPY --chmod=u-s,g-s . /d', 'COPY --chmod=ug=rwx,o=t . /d', 'COPY --chmod=a+X . /d', 'COPY --chmod=g=o,o=g . /d', 'COPY --chmod=u=,g=s,o=x . /d', 'ARG m=u+x\nCOPY --chmod=$m a.txt /x', 'COPY --chmod=-w+x a.txt /x', 'COPY --chmod=+w . /d', 'COPY --chmod==rw . /d', 'COPY --chmod=o=rw,u+t . /d', 'COPY --chmod=g-s+s,o+t . /d', 'COPY --chmod=u+rX,g=u-w . /d', 'COPY --chmod=a-t,o=s . /d',
    'COPY a.txt /dot/.', 'COPY dir /dot/.', 'WORKDIR /w\nCOPY a.txt dot/.', 'ENV A=${LANG%.*} B=${LANG#C} C=${LANG/UTF/X} D=${LANG//[A-Z]/z} E=${b-unset} F=${LANG:+x} G=${LANG%%.*} H=${LANG##*.}', 'HEALTHCHECK --interval=0s CMD x', 'HEALTHCHECK --start-interval=3s CMD x', 'HEALTHCHECK --retries=0 CMD x',
  ]),
  ...on('odd', ['COPY --link a.txt /rel/x', 'COPY --link --chown=app a.txt /setgid/x', 'COPY <<EOF /rel/file\nx\nEOF', 'COPY <<EOF /dangling\nx\nEOF', 'COPY --chmod=777 a.txt /setgid/n/f']),
  ...on('bare', ['COPY --chown=foo a.txt /x', 'COPY --chown=1:foo a.txt /x', 'COPY --chown=foo:bar a.txt /x', 'USER foo:bar\nWORKDIR /w']),
  ...on('plain', ['COPY --chmod=99 a.txt /x', 'COPY --chmod=u+z a.txt /x', 'COPY --chmod=10000 a.txt /x'], 'fails'),
  ...on('plain', ['COPY --parents x/a /p/', 'ADD https://example.com/x /y', 'RUN true'], 'not thin'),
];
