import { gzipSync } from 'node:zlib';
import { rawTar } from '../unit/archive/raw-tar.js';

export interface CompiledOptions {
  /** A header that its C code includes beside the standard ones. */
  readonly header?: string;
  /** Seconds that it takes longer. */
  readonly seconds?: number;
}

/**
 * A source distribution with C code, and with its own build backend, so that nothing else is fetched to compile it: the same
 * version always makes the same wheel.
 */
export function compiledSdist(name: string, version: string, { header, seconds = 0 }: CompiledOptions = {}): Buffer {
  const top = `${name}-${version}`;
  const backend = `import os, subprocess, time, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    time.sleep(${seconds})
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "native.so", "native.c"], check=True)
    wheel = "${top}-py3-none-linux_" + os.uname().machine + ".whl"
    info = "${top}.dist-info/"
    files = {
        "${name}/__init__.py": b"version = '${version}'\\n",
        "${name}/native.so": open("native.so", "rb").read(),
        info + "METADATA": b"Metadata-Version: 2.1\\nName: ${name}\\nVersion: ${version}\\n",
        info + "WHEEL": ("Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\nTag: " + wheel[len("${top}-"):-4] + "\\n").encode(),
    }
    files[info + "RECORD"] = "".join(file + ",,\\n" for file in [*files, info + "RECORD"]).encode()
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for file, content in files.items():
            archive.writestr(zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0)), content)
    return wheel
`;
  return gzipSync(
    rawTar([
      { name: `${top}/pyproject.toml`, content: '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n' },
      { name: `${top}/backend.py`, content: backend },
      { name: `${top}/native.c`, content: `${header === undefined ? '' : `#include <${header}>\n`}int answer(void) { return 42; }\n` },
      { name: `${top}/PKG-INFO`, content: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n` },
    ]),
  );
}

/** An npm package with an install script: a line for the shell. Its lock entry needs `hasInstallScript`. */
export function scriptedTarball(name: string, version: string, script: string): Buffer {
  return gzipSync(
    rawTar([
      { name: 'package/package.json', content: JSON.stringify({ name, version, main: 'index.js', scripts: { install: script } }) },
      { name: 'package/index.js', content: `module.exports = '${version}';\n` },
    ]),
  );
}
