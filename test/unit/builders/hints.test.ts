import { expect, test } from '@jest/globals';
import { compileHint } from '../../../src/builders/hints.js';
import { HEADERS, LIBRARIES, PROGRAMS } from '../../../src/builders/missing-headers.js';

/** Lines as the tools write them, and a word that the hint must have on Debian and on Alpine. */
const CASES: readonly (readonly [line: string, debian: string, alpine: string])[] = [
  ['psycopg/psycopg.h:36:10: fatal error: libpq-fe.h: No such file or directory', 'libpq-dev', 'postgresql-dev'],
  ['./psycopg/psycopg.h:35:10: fatal error: Python.h: No such file or directory', 'python3-dev', 'python3-dev'],
  ['c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory', 'libffi-dev', 'libffi-dev'],
  ['build/temp/_openssl.c:575:10: fatal error: openssl/opensslv.h: No such file or directory', 'libssl-dev', 'openssl-dev'],
  ['src/lxml/etree.c:289:10: fatal error: libxml/xpath.h: No such file or directory', 'libxml2-dev', 'libxml2-dev'],
  ['Modules/constants.h:7:10: fatal error: lber.h: No such file or directory', 'libldap-dev', 'openldap-dev'],
  ["src/MySQLdb/_mysql.c:46:10: fatal error: 'mysql.h' file not found", 'default-libmysqlclient-dev', 'mariadb-dev'],
  ['src/main.c:1:10: fatal error: some/unknown.h: No such file or directory', 'some/unknown.h', 'some/unknown.h'],
  ['/usr/bin/ld: cannot find -lpq: No such file or directory', 'libpq-dev', 'postgresql-dev'],
  ['Error: pg_config executable not found.', 'libpq-dev', 'postgresql-dev'],
  ['Exception: Can not find valid pkg-config name.', 'default-libmysqlclient-dev', 'mariadb-dev'],
  ["Package 'cairo', required by 'virtual:world', not found", 'libcairo2-dev', 'cairo-dev'],
  ["No package 'libffi' found", 'libffi-dev', 'libffi-dev'],
  ['../meson.build:31:12: ERROR: Dependency "glib-2.0" not found, tried pkgconfig', 'libglib2.0-dev', 'glib-dev'],
  ['xmlsec1 is not installed or not in path', 'libxmlsec1-dev', 'xmlsec-dev'],
  ["error: command 'gcc' failed: No such file or directory", 'gcc (apt)', 'gcc (apk)'],
  ["error: command '/usr/bin/x86_64-linux-gnu-g++' failed: No such file or directory", 'g++ (apt)', 'g++ (apk)'],
  ["gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory", 'g++', 'g++'],
  ["../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", 'gcc', 'gcc'],
  ["error: can't find Rust compiler", 'cargo', 'cargo'],
  ['Cargo, the Rust package manager, is not installed or is not on PATH.', 'cargo', 'cargo'],
  ['CMake must be installed to build dlib', 'cmake', 'cmake'],
  ['CMake Error at CMakeLists.txt:2 (project): No CMAKE_CXX_COMPILER could be found.', 'g++', 'g++'],
  ['  Could NOT find OpenSSL, try to set the path to OpenSSL root folder', 'libssl-dev', 'openssl-dev'],
  ['gyp ERR! find Python', 'python3', 'python3'],
  ['gyp ERR! stack Error: not found: make', 'make', 'make'],
  ['configure: error: no acceptable C compiler found in $PATH', 'gcc', 'gcc'],
  ['/bin/sh: 1: autoreconf: not found', 'automake', 'automake'],
  ["FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", 'cmake', 'cmake'],
  ["ModuleNotFoundError: No module named 'distutils'", 'older Python', 'older Python'],
  ["ModuleNotFoundError: No module named 'numpy'", 'numpy', 'numpy'],
  ['c++: fatal error: Killed signal terminated program cc1plus', 'builders.memory', 'builders.memory'],
  ['error: could not write: No space left on device', 'disk', 'disk'],
  ['npm error code ENOSPC', 'disk', 'disk'],
  ['curl: (6) Could not resolve host: example.com', 'no network', 'no network'],
  ['npm error getaddrinfo EAI_AGAIN example.com', 'no network', 'no network'],
  ['ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed', 'network.ca', 'network.ca'],
];

test.each(CASES)('%s', (line, debian, alpine) => {
  const tail = ['building something', line, 'error: build failed'];
  expect(compileHint({ tail, exitCode: 1, libc: 'glibc' })).toContain(debian);
  expect(compileHint({ tail, exitCode: 1, libc: 'musl' })).toContain(alpine);
});

test('the first cause is the one', () => {
  const tail = ['a.c:1:10: fatal error: zlib.h: No such file or directory', "error: command 'gcc' failed: No such file or directory"];
  expect(compileHint({ tail, exitCode: 1, libc: 'glibc' })).toContain('zlib1g-dev');
});

test('a killed command without a word is out of memory, an unknown failure has no hint', () => {
  expect(compileHint({ tail: ['compiling'], exitCode: 137, libc: 'glibc' })).toContain('memory');
  expect(compileHint({ tail: ['the tests of this package failed'], exitCode: 1, libc: 'glibc' })).toBeUndefined();
});

test('the tables hold plain package names', () => {
  const all = [HEADERS, PROGRAMS, LIBRARIES].flatMap((table) => Object.values(table));
  for (const { debian, alpine } of all) expect(`${debian} ${alpine}`).toMatch(/^[a-z0-9][a-z0-9+. -]*$/);
  expect(Object.keys(HEADERS).length).toBeGreaterThan(60);
});
