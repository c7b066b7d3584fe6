import type { Case } from '../../../support/assemble/case.js';

const on = (parent: Case['parent'], texts: readonly string[], outcome?: Case['outcome']): Case[] =>
  texts.map((text) => ({ name: `${parent} config: ${text.replace(/\n/g, ' ; ')}`, parent, text, ...(outcome === undefined ? {} : { outcome }) }));

/** What an image says of itself. */
export const CONFIG: readonly Case[] = [
  ...on('plain', [
    'ENV A=1', 'ENV A 1', 'ENV A  two  words ', 'ENV A=1 B=2 C="x y" D=\'$A\' E=$A', 'ENV A=1\nENV B=$A:${A}x C=${NO:-def} D=${A:+set} E=${NO:+no}', 'ENV A=a\\ b', 'ENV A="q\\"q" B=\'s"s\'', 'ENV PATH=/x:$PATH', 'ENV LANG=', 'ENV A=x\nENV A=y B=$A',
    'ENV A="a\\tb" B=a\\tb', 'ENV A=$$ B=\\$HOME C="\\$x"', 'ENV A=1 \\\n    B=2 \\\n# comment\n    C=3', 'ENV A="line \\\n  two"', 'ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc', 'ENV A=été B="日本"',
    'ENV a=1 A=2', 'LABEL a=1', 'LABEL a 1 2', 'LABEL "a b"="c d" e=\'f\'', 'LABEL multi="one \\\ntwo"', 'ENV v=9\nLABEL v=$v "$v"=k', 'LABEL a=1 a=2\nLABEL a=3 b=', 'LABEL com.example/x.y-z="{\\"json\\": true}"', 'MAINTAINER Some One <x@example.com>',
    'CMD echo $HOME "quoted"', 'CMD ["a", "b c", "$d"]', 'CMD []', 'CMD [not json]', 'CMD ["unfinished"', "CMD ['single']", 'CMD echo a \\\n  b', 'ENTRYPOINT ["e"]', 'ENTRYPOINT e f', 'CMD ["c"]\nENTRYPOINT ["e"]', 'ENTRYPOINT ["e"]\nCMD ["c"]', 'ENTRYPOINT []',
    'SHELL ["/bin/bash", "-c"]\nCMD x\nENTRYPOINT y', 'CMD x\nSHELL ["s"]\nCMD z', 'CMD ["\\u00e9", "tab\\t", "q\\"q", "nl\\n", "\\u0001"]', 'ENTRYPOINT   spaced    out  ', 'USER x', 'USER 1:2', 'ENV u=me\nUSER $u:${g:-us}', 'EXPOSE 80', 'EXPOSE 80/tcp 53/udp 443',
    'EXPOSE 8000-8003/tcp', 'ARG p=99\nEXPOSE $p ${p}1', 'EXPOSE 80 80/TCP 081', 'EXPOSE 5000-5001/udp 9/sctp', 'EXPOSE 1000:2000', 'EXPOSE 127.0.0.1:1:2', 'ENV ps="1 2"\nEXPOSE $ps', 'VOLUME /data', 'VOLUME /a /b', 'VOLUME ["/a", "/b c"]', 'ENV v=/vol\nVOLUME $v/x ["y"',
    'VOLUME data', 'STOPSIGNAL SIGTERM', 'STOPSIGNAL 9', 'STOPSIGNAL kill', 'ARG s=HUP\nSTOPSIGNAL SIG$s', 'STOPSIGNAL RTMIN+3', 'HEALTHCHECK NONE', 'HEALTHCHECK CMD curl -f http://localhost/ || exit 1', 'HEALTHCHECK CMD ["a", "b"]', 'HEALTHCHECK --interval=1m30s --timeout=2s --start-period=1h --retries=12 CMD x',
    'HEALTHCHECK --interval=1.5s --timeout=100ms --retries=65 CMD x', 'HEALTHCHECK cmd   a   b', 'HEALTHCHECK CMD a\nHEALTHCHECK NONE', 'ONBUILD COPY . /x', 'ONBUILD ENV a=$b\nONBUILD   RUN  make  \\\n   all\nonbuild cmd ["x"]', 'env a=1\nLaBel b=2\ncmd x',
    'ARG a', 'ARG a=1 b=2\nENV c=$a$b', 'ARG a=1\nARG a=2\nENV c=$a', 'ARG a=1\nENV a=2\nLABEL l=$a', 'ENV a=1\nARG a=2\nLABEL l=$a\nENV b=$a', 'ARG a="x y" b=\'z\'\nENV c=$a$b', 'ARG LANG\nLABEL l=$LANG', 'ARG a=$LANG\nLABEL l=$a', 'ARG TARGETARCH TARGETOS TARGETPLATFORM BUILDARCH TARGETVARIANT\nLABEL l=$TARGETARCH-$TARGETOS-$TARGETPLATFORM-$BUILDARCH-$TARGETVARIANT.',
    'LABEL l=$TARGETARCH.', 'ENV a=${b:-unset} c=${LANG:+x}', 'LABEL empty= none=""',
  ]),
  ...on('odd', [
    'CMD ["new"]', 'ENTRYPOINT ["new"]', 'CMD ["c"]\nENTRYPOINT ["e"]', 'CMD shell form', 'ENTRYPOINT shell form', 'ENV B=$A-$EMPTY-${EMPTY:-e}-$SPACE', 'ENV A=child EMPTY=x', 'LABEL both=child', 'EXPOSE 2', 'VOLUME /vol2', 'HEALTHCHECK NONE', 'HEALTHCHECK --timeout=1s CMD y',
    'USER 0', 'WORKDIR /n', 'SHELL ["/s"]\nCMD x', 'STOPSIGNAL 3', 'LABEL a=$A\nARG A=arg\nLABEL b=$A', 'MAINTAINER me', 'ENTRYPOINT []', 'CMD []', 'LABEL x=y',
  ]),
  ...on('bare', ['LABEL a=1', 'ENV PATH=/p', 'ENV A=$PATH', 'CMD x']),
  // An engine can't save an image without layers.
  ...on('scratch', ['LABEL a=1', 'ENV A=$PATH', 'CMD ["/x"]', 'USER 1\nENTRYPOINT ["/y"]'].map((text) => `COPY Dockerfile /\n${text}`)),
  ...on('plain', ['EXPOSE 70000', 'EXPOSE x', 'EXPOSE 80/icmp', 'STOPSIGNAL NOSIG', 'HEALTHCHECK --interval=x CMD y', 'HEALTHCHECK --interval=1us CMD y', 'HEALTHCHECK WHAT', 'HEALTHCHECK NONE x', 'ENV a=${b:?needed}', 'VOLUME ["/a", ""]', 'ENV =x'], 'fails'),
  { name: 'build args', parent: 'plain', text: 'ARG a=1\nARG b\nARG c=$a\nENV e=$a-$b-$c-$d', args: { a: 'given', b: 'too', d: 'undeclared' } },
  { name: 'global build args', parent: 'plain', text: 'ARG g=glob\nARG h=$g-2\nARG i=own\nFROM @plain\nARG g\nARG h\nARG i=stage\nLABEL l=$g-$h-$i' },
  { name: 'global build args, given', parent: 'plain', text: 'ARG g=glob\nFROM @plain\nARG g\nARG TARGETARCH=mine\nLABEL l=$g-$TARGETARCH', args: { g: 'given' } },
  { name: 'proxies are not recorded', parent: 'plain', text: 'ENV a=$HTTP_PROXY.$http_proxy', args: { HTTP_PROXY: 'x', http_proxy: 'y' } },
  { name: 'a declared proxy', parent: 'plain', text: 'ARG HTTP_PROXY\nLABEL a=$HTTP_PROXY', args: { HTTP_PROXY: 'x' } },
  { name: 'labels from outside', parent: 'odd', text: 'LABEL a=1 both=2', labels: { both: '3', given: 'x y' } },
  { name: 'another escape character', parent: 'plain', text: '# escape=`\nFROM @plain\nENV a=b`$c d=e`\n f=C:\\x\nCMD a `\n b' },
  { name: 'ONBUILD of the parent', parent: 'onbuild', text: 'LABEL a=1', outcome: 'not thin' },
];
