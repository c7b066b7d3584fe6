import { expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { Failed } from '../../../src/core/failure.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { BuildOptions } from '../../../src/engine/engine.js';
import { inTemporaryFolder } from '../../support/temporary.js';

const LOST = `sha256:${'1'.repeat(64)}`;
const KEPT = `sha256:${'2'.repeat(64)}`;
const BUILT = `sha256:${'3'.repeat(64)}`;

interface Told {
  /** The id, or why there is none. */
  readonly result: string;
  /** The bodies of the builds that the engine was asked for. */
  readonly contexts: readonly string[];
  readonly lines: readonly string[];
}

/** An engine that has the image KEPT and answers each build with the next of these frames; then it builds. */
async function building(answers: readonly object[], options: Partial<BuildOptions> = {}): Promise<Told> {
  return await inTemporaryFolder(async (dir) => {
    const contexts: string[] = [];
    const server = createServer((request, response) => {
      const url = decodeURIComponent(request.url!);
      const send = (status: number, body: object): void => void response.writeHead(status, { 'Api-Version': '1.41' }).end(JSON.stringify(body));
      if (url.includes(KEPT)) return send(200, { Id: KEPT });
      if (!url.startsWith('/build?')) return send(404, { message: 'no such image' });
      let body = '';
      request.on('data', (chunk) => (body += String(chunk))).on('end', () => send(200, answers[contexts.push(body) - 1] ?? { aux: { ID: BUILT } }));
    });
    await new Promise<void>((resolve) => server.listen(`${dir}/s`, resolve));
    const lines: string[] = [];
    try {
      const result = await connectEngine({ host: `unix://${dir}/s` })
        .build({ context: () => Readable.from(['the context']), dockerfile: 'Dockerfile', tags: [], backend: 'classic', onLine: (line) => void lines.push(line), ...options })
        .catch((error: unknown) => (error instanceof Failed ? error.message : String(error)));
      return { result, contexts, lines };
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

const frame = (message: string, code?: number): object => ({ errorDetail: { message, ...(code === undefined ? {} : { code }) }, error: message });

test.each([
  `unable to find image "${LOST}"`,
  `failed to export image: failed to set parent ${LOST}: unknown parent image ID ${LOST}`,
])('a build whose cached image was removed meanwhile is begun again, with its whole context: %s', async (message) => {
  expect(await building([frame(message)])).toEqual({ result: BUILT, contexts: ['the context', 'the context'], lines: [expect.stringContaining('building again')] });
});

test('so it is when that build loses another image', async () => {
  const { result, contexts } = await building([1, 2, 3].map((n) => frame(`unable to find image "sha256:${`a${n}`.repeat(32)}"`)));
  expect([result, contexts.length]).toEqual([BUILT, 4]);
});

test('once for an image, and not for ever', async () => {
  const same = await building([1, 2, 3].map(() => frame(`unable to find image "${LOST}"`)));
  expect([same.result, same.contexts.length]).toEqual([expect.stringContaining('unable to find image'), 2]);
  const ever = await building(Array.from({ length: 50 }, (_, n) => frame(`unable to find image "sha256:${String(n + 10).repeat(32)}"`)));
  expect([ever.result, ever.contexts.length]).toEqual([expect.stringContaining('unable to find image'), 11]);
});

test.each([
  ['a command that failed, whatever it says', frame(`The command '/bin/sh -c echo ${LOST}' returned a non-zero code: 1`, 1), {}],
  ['an image that is there', frame(`no room for ${KEPT}`), {}],
  ['a mistake that names no image', frame('COPY failed: file not found'), {}],
  ['BuildKit, which holds on to its cache', frame(`unable to find image "${LOST}"`), { backend: 'buildkit' }],
] as const)('%s is no reason to build again', async (_, answer, options) => {
  expect((await building([answer], options)).contexts).toHaveLength(1);
});
