import { createHash } from 'node:crypto';
import { crc32, gzipSync } from 'node:zlib';
import { rawTar, type Raw } from '../unit/archive/raw-tar.js';

/** A member of a ZIP archive; `mode` holds the file type too, as in `0o120777` for a link. */
export interface ZipMember {
  readonly name: string;
  readonly content?: string;
  readonly mode?: number;
}

/** A ZIP archive without compression, written without the code under test. */
export function zip(members: readonly ZipMember[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644 } of members) {
    const path = Buffer.from(name);
    const body = Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt32LE(0x00_21_00_00, 6);
    common.writeUInt32LE(crc32Of(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(path.length, 22);
    local.push(Buffer.from('PK\x03\x04', 'latin1'), common, path, body);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((mode << 16) >>> 0) as number, 6);
    tail.writeUInt32LE(offset, 10);
    // Made by UNIX, so that the mode counts.
    central.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, tail, path);
    offset += 30 + path.length + body.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

export interface WheelOptions {
  readonly requires?: readonly string[];
  /** Beside the module and the metadata. */
  readonly members?: readonly ZipMember[];
}

/** A pure wheel with one module of the package's name. */
export function wheel(name: string, version: string, { requires = [], members = [] }: WheelOptions = {}): Buffer {
  const info = `${name}-${version}.dist-info`;
  const metadata = ['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`, ...requires.map((one) => `Requires-Dist: ${one}`), '', ''].join('\n');
  const files = [
    { name: `${name}/__init__.py`, content: `version = "${version}"\n` },
    ...members,
    { name: `${info}/METADATA`, content: metadata },
    { name: `${info}/WHEEL`, content: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' },
  ];
  const record = [...files.map((file) => `${file.name},sha256=${recordHash(file.content ?? '')},${Buffer.byteLength(file.content ?? '')}`), `${info}/RECORD,,`, ''].join('\n');
  return zip([...files, { name: `${info}/RECORD`, content: record }]);
}

/** A source distribution that builds with nothing but Python: its build backend is in it. `entries` come last. */
export function sdist(name: string, version: string, entries: readonly Raw[] = []): Buffer {
  const top = `${name}-${version}`;
  const wheelBytes = wheel(name, version).toString('base64');
  const backend = [
    'import base64, os',
    'def build_wheel(folder, config_settings=None, metadata_directory=None):',
    `    name = "${name}-${version}-py3-none-any.whl"`,
    `    open(os.path.join(folder, name), "wb").write(base64.b64decode("${wheelBytes}"))`,
    '    return name',
    '',
  ].join('\n');
  return gzipSync(
    rawTar([
      { name: `${top}/pyproject.toml`, content: '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n' },
      { name: `${top}/backend.py`, content: backend },
      { name: `${top}/PKG-INFO`, content: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n` },
      ...entries,
    ]),
  );
}

/** An npm package with an index.js; `entries` come last, under the names that they have. */
export function npmTarball(name: string, version: string, entries: readonly Raw[] = []): Buffer {
  return gzipSync(
    rawTar([
      { name: 'package/package.json', content: JSON.stringify({ name, version, main: 'index.js' }) },
      { name: 'package/index.js', content: `module.exports = '${version}';\n` },
      ...entries,
    ]),
  );
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Subresource integrity as npm writes it. */
export function integrity(bytes: Buffer): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
}

function recordHash(content: string): string {
  return createHash('sha256').update(content).digest('base64url');
}

function crc32Of(bytes: Buffer): number {
  return crc32(bytes);
}
