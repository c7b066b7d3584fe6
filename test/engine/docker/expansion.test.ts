import { afterAll, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { resolveDockerfile } from '../../../src/docker/resolve.js';
import { docker, removeImages } from '../../support/images/docker.js';
import { temporaryFolder } from '../../support/images/project.js';

// The engine expands the words as labels; we expand them as sources of a COPY. What only newer engines know (`#`, `%`, `/`)
// is in the unit tests.

const WORDS = [
  'hello', "he'll'o", "he'llo'", "he\\'llo", "he\\\\'llo'", '"hello"', '"hel\'lo"', "'hello\\there'", '"hello\\there"', 'hello\\there',
  '"hello\\"there"', '"\\$a"', '$a', '${a}', '$a.txt', '$a/b', 'x${a}y', '$a$a', '$ab', '$missing.', "'$a'", '"$a"', '\\$a', '"$b"', '$x_1',
  '${a:-z}', '${e:-z}', '${missing:-z}', '${missing:-$a}', '${missing:-${a}}', '${missing:-${missing:-deep}}', '${a:+z}', '${e:+z}.', '${missing:+z}.',
  '"${missing:-a b}"', '${c}', '$d', '${d:-none}', '$f', 'ä$a', '"a\\\\b"', "'a\\\\b'", 'a\\ b', '"a  b"', '$g', '$h', '${i}', '"$b$b"', "\"'$a'\"", "'\"$a\"'",
];

const HEAD = [
  'ARG c=global', 'ARG d', 'ARG f=$c-more', 'FROM scratch', 'ENV a=one b="two words" e="" x_1=u', 'ARG c', 'ARG d', 'ARG f', 'ARG g=${a}-$c', 'ENV h=$a i=$h', 'ENV a $a',
].join('\n');

const tag = `test-${randomUUID().slice(0, 8)}`;
afterAll(() => removeImages([tag]));

test('words are expanded as the engine expands them', async () => {
  const folder = await temporaryFolder();
  const labels = `LABEL ${WORDS.map((word, index) => `l${index}=${word}`).join(' ')}`;
  await writeFile(join(folder, 'Dockerfile'), `${HEAD}\n${labels}\n`);
  await docker(['build', '-q', '-t', tag, '--build-arg', 'd=given', folder], { DOCKER_BUILDKIT: '0' });
  const theirs = JSON.parse(await docker(['image', 'inspect', '-f', '{{json .Config.Labels}}', tag])) as Record<string, string>;
  // In JSON form a word may hold white space; its quotes and variables are treated alike.
  const copies = WORDS.map((word) => `COPY ${JSON.stringify([word, '/x'])}`).join('\n');
  const { stages } = resolveDockerfile(parseDockerfile(`${HEAD}\n${copies}\n`, 'Dockerfile'), { args: { d: 'given' } });
  expect(stages[0]!.sources.map(({ pattern }, index) => `${WORDS[index]} → ${pattern}`)).toEqual(WORDS.map((word, index) => `${word} → ${theirs[`l${index}`]}`));
});
