import type { Case } from '../../../support/assemble/case.js';
import { file, folder } from '../../../support/assemble/node.js';

const CONTEXT = [file('a.txt', 'A'), folder('dir', 0o700), file('dir/one', '1')];
const cases = (parent: Case['parent'], texts: readonly string[], more: Partial<Case> = {}): Case[] => texts.map((text) => ({ name: `stages: ${text.replace(/\n/g, ' ; ')}`, parent, text, context: CONTEXT, ...more }));

/** Stages, and files of other images. */
export const STAGES: readonly Case[] = [
  ...cases('plain', [
    'FROM @odd AS src\nFROM @plain\nCOPY --from=src /real /r', 'FROM @odd AS src\nFROM @plain\nCOPY --from=src /full /full', 'FROM @odd AS src\nFROM @plain\nCOPY --from=src / /everything', 'FROM @odd\nFROM @plain\nCOPY --from=0 /rel/file /rel/deep /x/',
    'COPY --from=@odd /real/file /f', 'COPY --from=@odd --chown=app /full /f', 'COPY --from=@odd /tofile /abs /setgid /x/', 'COPY --from=@odd /fu*/[ab] /x/', 'COPY --from=@odd /closed /closed', 'COPY --from=@odd /suid /tmp /x/', 'COPY --from=@odd full/sub rel',
    'FROM @plain AS base\nENV x=1\nARG y=2\nWORKDIR /base\nCMD ["base"]\nFROM base\nLABEL l=$x-$y\nCOPY a.txt .\nENTRYPOINT ["e"]', 'FROM @plain AS base\nCOPY --chown=3:4 dir /b\nFROM base AS mid\nCOPY a.txt /b/\nFROM mid\nCOPY --from=base /b /c',
    'FROM scratch AS src\nCOPY --chown=app_ids dir /x\nFROM @plain\nCOPY --from=src /x /y'.replace('app_ids', '8:9'), 'FROM @plain AS a\nENV p=1\nFROM a AS b\nARG p=2\nFROM b\nLABEL l=$p\nARG p\nLABEL m=$p', 'FROM @plain AS a\nONBUILD LABEL never=1\nLABEL x=1',
  ]),
  ...cases('scratch', ['FROM @odd AS src\nFROM scratch\nCOPY --from=src /real /data /', 'FROM @plain AS src\nFROM scratch\nCOPY --from=src / /', 'FROM @odd AS src\nFROM scratch\nCOPY --from=src /etc/passwd /etc/group /etc/\nCOPY --chown=app:staff a.txt /x']),
  { name: 'a target in the middle', parent: 'odd', text: 'FROM @odd AS one\nLABEL a=1\nFROM @plain\nLABEL b=2', target: 'one' },
];
