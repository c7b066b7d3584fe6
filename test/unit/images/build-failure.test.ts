import { expect, test } from '@jest/globals';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { resolveDockerfile } from '../../../src/docker/resolve.js';
import { buildFailure } from '../../../src/images/build-failure.js';
import { projectOf } from '../../support/images/project.js';

const TEXT = `ARG X=1
FROM a AS unneeded
RUN never
FROM a
RUN echo one \\
 && exit 7
COPY here missing /x/
RUN echo two
`;
const node = { spec: projectOf('/', { web: {} }).images.get('web')!, resolved: resolveDockerfile(parseDockerfile(TEXT, 'images/web/Dockerfile')) };

// Steps of the classic builder, which sees the unneeded stage emptied; then messages of BuildKit 0.8 to 0.26.
test.each<[string, number, number | undefined]>([
  ['the command failed', 1, 1],
  ['the command failed', 2, 2],
  ['the command failed', 3, 4],
  ['the command failed', 4, 5],
  ['the command failed', 5, 7],
  ['the command failed', 6, 8],
  ['executor failed running [/bin/sh -c echo one  && exit 7]: exit code: 7', 0, 5],
  ['process "/bin/sh -c echo two" did not complete successfully: exit code: 1', 0, 8],
  ['failed to compute cache key: "/missing" not found: not found', 0, 7],
  ['failed to compute cache key: failed to calculate checksum of ref x::y: "/missing": not found', 0, 7],
  ['failed to compute cache key: "/other" not found: not found', 0, undefined],
  ['something else', 0, undefined],
])('%s (step %i) is in line %s', (message, step, line) => {
  const problem = buildFailure({ reason: 'build', message }, node, step);
  expect(problem.message).toBe(`image "web": ${message}`);
  expect(problem.place?.line).toBe(line);
  expect(problem.advice === undefined).toBe(line === undefined || [1, 2, 4].includes(line));
});
