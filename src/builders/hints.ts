import { HEADERS, LIBRARIES, PROGRAMS } from './missing-headers.js';
import type { OsPackages } from './missing-headers.js';

/** What is known of a command that failed in a builder. */
export interface FailedCommand {
  /** Last lines of its output, oldest first. */
  readonly tail: readonly string[];
  readonly exitCode: number;
  readonly libc: 'glibc' | 'musl';
}

/**
 * What to do about a failed compile, from its last lines: which OS package has the header, program or library that was
 * missing, or what the builder lacks. Undefined when nothing is recognised. The first cause wins: later lines follow from it.
 */
export function compileHint(failed: FailedCommand): string | undefined {
  for (const line of failed.tail) {
    for (const rule of RULES) {
      const match = rule.pattern.exec(line);
      const hint = match === null ? undefined : rule.hint(match[1] ?? '', failed);
      if (hint !== undefined) return hint;
    }
  }
  return failed.exitCode === KILLED ? OUT_OF_MEMORY : undefined;
}

/** SIGKILL: in a container nearly always the kernel's, for want of memory. */
const KILLED = 137;
const OUT_OF_MEMORY = 'the command was killed, most likely because memory ran out: raise `builders.memory` in the project file, or lower --jobs';

interface Rule {
  /** Its first group is the name of what is missing. */
  readonly pattern: RegExp;
  /** Undefined: not this after all. */
  readonly hint: (name: string, failed: FailedCommand) => string | undefined;
}

const RULES: readonly Rule[] = [
  { pattern: /fatal error: ([\w+./-]+\.(?:h|hpp|hh|hxx))[:"']? ?(?:No such file or directory|file not found)?/, hint: header },
  { pattern: /fatal error: '([\w+./-]+)' file not found/, hint: header },
  { pattern: /fatal error: ((?:boost|Eigen)\/[\w+./-]+): No such file/, hint: header },
  { pattern: /(?:cannot find|unable to find library) -l:?([\w.+-]+)/, hint: (name, failed) => library(name, failed) ?? install(`lib${name}`, undefined, failed) },
  { pattern: /Package '?"?([\w.+-]+)'?"?,? (?:required by .* )?(?:was )?not found/, hint: library },
  { pattern: /No package '([\w.+-]+)' found/, hint: library },
  { pattern: /Dependency "?([\w.+-]+)"? not found/, hint: library },
  { pattern: /(?:pg_config executable not found|pg_config is required to build)/, hint: (_name, failed) => program('pg_config', failed) },
  { pattern: /(?:Can not|Can't) find valid pkg-config name|mysql_config(?: not found|: not found)/, hint: (_name, failed) => program('mysql_config', failed) },
  { pattern: /Please make sure the libxml2 and libxslt development packages are installed/, hint: (_name, { libc }) => `install ${libc === 'musl' ? 'libxml2-dev and libxslt-dev (apk)' : 'libxml2-dev and libxslt1-dev (apt)'} in the builder image` },
  { pattern: /xmlsec1 is not installed or not in path|Unable to invoke pkg-config/, hint: (_name, failed) => library('xmlsec1', failed) },
  { pattern: /can't find Rust compiler|Rust toolchain.*(?:not found|required)|rustc.*is not installed|Cargo, the Rust package manager, is not installed/i, hint: (_name, failed) => rust(failed) },
  { pattern: /Could NOT find (OpenSSL|ZLIB|Boost|LibXml2|JPEG|PNG|Freetype|Protobuf|BLAS|LAPACK)\b/i, hint: (name, failed) => cmakePackage(name, failed) },
  { pattern: /(?:^|\s)(?:error: )?command '([^']+)' failed: No such file or directory/, hint: program },
  { pattern: /unable to execute '([^']+)': No such file or directory/, hint: program },
  { pattern: /cannot execute '?(cc1plus)'?/, hint: program },
  { pattern: /error trying to exec '(cc1plus)'/, hint: program },
  { pattern: /Unknown compiler\(s\): \[\['?([\w+-]+)/, hint: program },
  { pattern: /No (CMAKE_CXX?_COMPILER) could be found/, hint: (name, failed) => program(name.includes('CXX') ? 'g++' : 'gcc', failed) },
  { pattern: /CMake must be installed|CMake executable not found|Problem with the CMake installation/i, hint: (_name, failed) => program('cmake', failed) },
  { pattern: /gyp ERR! (?:find Python|stack Error: Could not find any Python)/, hint: (_name, failed) => install('python3', { debian: 'python3', alpine: 'python3' }, failed) },
  { pattern: /gyp ERR! stack Error: not found: (make|gcc|g\+\+|cc|c\+\+)/, hint: program },
  { pattern: /configure: error: no acceptable C compiler/, hint: (_name, failed) => program('gcc', failed) },
  { pattern: /(?:^|[\s:/])(?:sh|bash|ash|env): (?:line )?(?:\d+: )?[\u2018'"]?([\w.+-]+)[\u2019'"]?: (?:command not found|not found|No such file or directory)/, hint: program },
  { pattern: /(?:^|\s)(?:spawn|exec:?) "?([\w.+-]+)"?:? (?:ENOENT|executable file not found)/, hint: program },
  { pattern: /^make(?:\[\d+\])?: ([\w.+-]+): (?:No such file or directory|Command not found)/, hint: program },
  { pattern: /FileNotFoundError: \[Errno 2\] No such file or directory: '([\w.+-]+)'/, hint: program },
  { pattern: /ModuleNotFoundError: No module named '(distutils)/, hint: () => 'Python 3.12 and later have no distutils: use a newer version of the package, or a builder with an older Python' },
  { pattern: /ModuleNotFoundError: No module named '(pkg_resources)/, hint: () => 'pkg_resources left setuptools with version 82: use a newer version of the package, or constrain its build to setuptools<82' },
  { pattern: /ModuleNotFoundError: No module named '([\w.]+)'/, hint: (name) => `the package's build needs the Python module ${name} but does not declare it (build-system.requires): use another version of the package` },
  { pattern: /Killed signal terminated program|: Killed$|MemoryError$|virtual memory exhausted|LLVM ERROR: out of memory|JavaScript heap out of memory|signal: 9, SIGKILL/, hint: () => OUT_OF_MEMORY },
  { pattern: /No space left on device|ENOSPC/, hint: () => 'the disk of the engine or of the store is full: free some space (`artifacts gc`, `docker system df`)' },
  { pattern: /Invalid tar file|unsafe (?:member path|symbolic-link)|trying to install outside target directory|(?:OutsideDestination|AbsoluteLink|AbsolutePath|SpecialFile|LinkOutsideDestination)Error/, hint: () => 'the archive is broken or made to do harm: take another version, or tell its publisher' },
  { pattern: /Temporary failure in name resolution|Could not resolve host|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|Network is unreachable|Name or service not known/, hint: () => 'the builder has no network: see `builders.network` and `network.proxy` in the project file' },
  { pattern: /CERTIFICATE_VERIFY_FAILED|unable to get local issuer certificate|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|invalid peer certificate/, hint: () => 'the builder does not trust the server’s certificate: name your certificate bundle with `network.ca` in the project file' },
];

function header(name: string, failed: FailedCommand): string | undefined {
  const packages = HEADERS[name] ?? HEADERS[`${name.split('/')[0]}/`] ?? HEADERS[name.split('/').at(-1)!];
  return packages === undefined ? `a header is missing in the builder image: install the OS package that has ${name}` : install(name, packages, failed);
}

function program(path: string, failed: FailedCommand): string | undefined {
  const name = path.split('/').at(-1)!;
  if (name === 'cargo' || name === 'rustc') return rust(failed);
  return PROGRAMS[name] === undefined ? undefined : install(name, PROGRAMS[name], failed);
}

function library(name: string, failed: FailedCommand): string | undefined {
  const packages = LIBRARIES[name];
  return packages === undefined ? undefined : install(name, packages, failed);
}

function rust({ libc }: FailedCommand): string {
  const packages = libc === 'musl' ? 'cargo (apk)' : 'cargo (apt; rustup where that is too old)';
  return `a Rust compiler is missing in the builder image: install ${packages}`;
}

function cmakePackage(name: string, failed: FailedCommand): string | undefined {
  const names: Readonly<Record<string, OsPackages | undefined>> = {
    openssl: HEADERS['openssl/'], zlib: HEADERS['zlib.h'], boost: HEADERS['boost/'], libxml2: HEADERS['libxml/'], jpeg: HEADERS['jpeglib.h'],
    png: HEADERS['png.h'], freetype: HEADERS['ft2build.h'], protobuf: { debian: 'libprotobuf-dev protobuf-compiler', alpine: 'protobuf-dev' },
    blas: HEADERS['cblas.h'], lapack: HEADERS['lapacke.h'],
  };
  return install(name, names[name.toLowerCase()], failed);
}

function install(what: string, packages: OsPackages | undefined, { libc }: FailedCommand): string {
  if (packages === undefined) return `${what} is missing in the builder image: install the OS package that has it`;
  return `${what} is missing in the builder image: install ${libc === 'musl' ? `${packages.alpine} (apk)` : `${packages.debian} (apt)`}`;
}
