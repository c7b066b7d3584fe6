import type { Entry } from './entry.js';
import { refuse, refuseEntry } from './refusal.js';
import { PieceRewriter, type Guard } from './rewrite-piece.js';
import { badNumber, hasChecksum, octalSize, typeFlag } from './tar-block.js';
import { TreeGuard } from './tree-guard.js';

/** Records of a pax header that change what an entry is for us; any other is refused. */
const KNOWN = new Set(['path', 'linkpath', 'size']);
/** A pax header beyond this many bytes is an attack. */
const MAX_META = 1024 * 1024;

/**
 * Checks a piece that a builder made while its bytes pass by on their way into the store, and tells what is in it. It knows the one form that our installer writes:
 * ustar headers with sound numbers and checksums, pax headers for long names, files, folders and symlinks, each path once. All else ends in `Failed` (reason
 * `archive`). Much quicker than `PieceReader`, which takes any archive: nothing is waited for between entries.
 */
export class PieceScanner {
  readonly #entries: Entry[] = [];
  readonly #rewriter: PieceRewriter;

  constructor(subject: string) {
    const tree = new TreeGuard();
    const rewrite = (entry: Entry): undefined => {
      if (entry.type === 'hardlink') refuseEntry(subject, entry.path, 'is a hard link');
      if (entry.path.includes('\ufffd')) refuseEntry(subject, entry.path, 'has a name that is not UTF-8');
      if (entry.type === 'symlink' && entry.target.includes('\ufffd')) refuseEntry(subject, entry.path, 'links to a name that is not UTF-8');
      const verdict = tree.admit(entry.path, entry.type);
      if (typeof verdict === 'object') refuseEntry(subject, entry.path, verdict.complaint);
      if (verdict === 'again') refuseEntry(subject, entry.path, 'is there twice');
      this.#entries.push(entry);
    };
    this.#rewriter = new PieceRewriter(subject, rewrite, guard(subject));
  }

  /** The next bytes, which stay as they are. */
  feed(chunk: Buffer): void {
    this.#rewriter.feed(chunk);
  }

  /** Call it after the last chunk. */
  end(): readonly Entry[] {
    this.#rewriter.end();
    return this.#entries;
  }
}

function guard(subject: string): Guard {
  let isBehindPax = false;
  return {
    block: (block) => {
      const flag = typeFlag(block);
      if (flag === 'x' && isBehindPax) refuse(subject, 'has two pax headers for one entry');
      isBehindPax = flag === 'x';
      const bad = badNumber(block) ?? (block[124]! >= 0x80 ? 'size' : undefined);
      if (bad !== undefined) refuse(subject, `has a header with a bad ${bad}`);
      if (block.toString('latin1', 257, 265) !== 'ustar\x0000' || !hasChecksum(block)) refuse(subject, 'has a header with a wrong checksum or of another form than ustar');
      if (!'052x'.includes(flag)) refuse(subject, `has an entry of unknown type ${JSON.stringify(flag)}`);
      if (flag !== '2' && block[157] !== 0) refuse(subject, 'has an entry with a target that is no link');
      const size = octalSize(block);
      if ('52'.includes(flag) && size > 0) refuse(subject, 'has an entry with a content that is no file');
      if (flag === 'x' && (size === 0 || size > MAX_META)) refuse(subject, `has a header of ${size} bytes`);
    },
    records: (records) => {
      for (const [keyword, value] of records) {
        if (!KNOWN.has(keyword) || value === '') refuse(subject, `has a pax header with ${JSON.stringify(keyword.slice(0, 200))}`);
        if (keyword === 'size' && !(/^[0-9]+$/.test(value) && Number.isSafeInteger(Number(value)))) refuse(subject, 'has a bad size in its pax header');
      }
    },
  };
}
