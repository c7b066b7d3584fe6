import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Readable } from 'node:stream';
import { BuildkitTrace } from '../../../src/engine/buildkit-trace.js';
import { Demultiplexer } from '../../../src/engine/demultiplex.js';
import { foldFrames } from '../../../src/engine/json-stream.js';
import type { Frame } from '../../../src/engine/json-stream.js';
import { pathOf, splitTag } from '../../../src/engine/reference.js';

const frame = fc.record({ stream: fc.constantFrom(1, 2), data: fc.uint8Array({ maxLength: 40 }) });

test('a multiplexed stream gives the same bytes however it is cut', () => {
  fc.assert(fc.property(fc.array(frame), fc.integer({ min: 1, max: 20 }), (frames, size) => {
    const bytes = Buffer.concat(frames.map(({ stream, data }) => Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, data.length]), data])));
    const out: Buffer[][] = [[], []];
    const demultiplexer = new Demultiplexer({ stdout: (chunk) => void out[0]!.push(chunk), stderr: (chunk) => void out[1]!.push(chunk) });
    for (let at = 0; at < bytes.length; at += size) demultiplexer.write(bytes.subarray(at, at + size));
    expect(demultiplexer.complete).toBe(true);
    for (const stream of [1, 2]) {
      expect(Buffer.concat(out[stream - 1]!)).toEqual(Buffer.concat(frames.filter((one) => one.stream === stream).map(({ data }) => Buffer.from(data))));
    }
  }));
});

test('a multiplexed stream that was cut is not complete', () => {
  const demultiplexer = new Demultiplexer({ stdout: () => undefined, stderr: () => undefined });
  demultiplexer.write(Buffer.from([1, 0, 0]));
  expect(demultiplexer.complete).toBe(false);
  demultiplexer.write(Buffer.from([0, 0, 0, 0, 2, 65]));
  expect(demultiplexer.complete).toBe(false);
  demultiplexer.write(Buffer.from([66]));
  expect(demultiplexer.complete).toBe(true);
});

test('progress is read line by line however it is cut, and an error counts although more follows', async () => {
  const text = '{"stream":"é"}\n\n{"status":"Pulling","id":"abc"}\r\n{"aux":{"ID":"x"}}';
  for (const size of [1, 2, 7, 100]) {
    const frames: Frame[] = [];
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    await foldFrames(Readable.from(chunks), { what: 'x', reason: 'build', onFrame: (one) => frames.push(one) });
    expect(frames.filter((one) => Object.keys(one).length > 0)).toEqual([{ stream: 'é' }, { status: 'Pulling', id: 'abc' }, { aux: { ID: 'x' } }]);
  }
  const failing = Readable.from([Buffer.from('{"error":"no"}\n{"stream":"after"}\n')]);
  await expect(foldFrames(failing, { what: 'x', reason: 'build', onFrame: () => undefined })).rejects.toMatchObject({ problems: [{ reason: 'build', message: 'could not x: no' }] });
  await expect(foldFrames(Readable.from([Buffer.from('garbage')]), { what: 'x', reason: 'build', onFrame: () => undefined })).rejects.toMatchObject({ problems: [{ reason: 'engine' }] });
});

/** Protocol buffers: fields of bytes or texts (wire type 2), and numbers (wire type 0). */
function message(fields: readonly (readonly [field: number, value: string | Buffer | number])[]): Buffer {
  return Buffer.concat(fields.map(([field, value]) => {
    if (typeof value === 'number') return Buffer.from([field * 8, value]);
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([field * 8 + 2, ...varint(bytes.length)]), bytes]);
  }));
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

test('a BuildKit trace as lines', () => {
  const trace = new BuildkitTrace();
  const time = message([[1, 5]]);
  const vertex = (...fields: Parameters<typeof message>[0]) => message([[1, message([[1, 'sha256:a'], [3, '[1/2] RUN make'], ...fields])]]);
  expect(trace.read(vertex())).toEqual([]);
  expect(trace.read(vertex([5, time]))).toEqual(['#1 [1/2] RUN make']);
  expect(trace.read(message([[3, message([[1, 'sha256:a'], [3, 1], [4, 'one\ntw']])]]))).toEqual(['#1 one']);
  expect(trace.read(message([[3, message([[1, 'sha256:a'], [3, 1], [4, `o\n${'x'.repeat(300)}`]])]]))).toEqual(['#1 two']);
  expect(trace.read(vertex([5, time], [6, time], [7, 'exit code: 2']))).toEqual(['#1 ERROR: exit code: 2']);
  expect(trace.failure).toBe('[1/2] RUN make: exit code: 2');
  expect(trace.end()).toEqual([`#1 ${'x'.repeat(300)}`]);
  expect(new BuildkitTrace().read(message([[1, message([[1, 'b'], [3, 'COPY'], [4, 1], [5, time], [6, time]])]]))).toEqual(['#1 COPY', '#1 CACHED']);
});

test('a BuildKit trace that is no trace is no crash', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void new BuildkitTrace().read(Buffer.from(bytes))));
});

test('references', () => {
  expect(splitTag('host:5000/a/b:1')).toEqual({ repository: 'host:5000/a/b', tag: '1' });
  expect(splitTag('host:5000/a/b')).toEqual({ repository: 'host:5000/a/b' });
  expect(splitTag('a@sha256:00')).toEqual({ repository: 'a@sha256:00' });
  expect(pathOf('host:5000/a/b:1')).toBe('host:5000/a/b:1');
  expect(pathOf('a?force=1#x')).toBe('a%3Fforce%3D1%23x');
});
