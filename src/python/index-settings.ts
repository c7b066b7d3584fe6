import { compare } from '../core/record.js';
import { normalizeName } from './name.js';
import type { FormatSelection, IndexOptions, SourceUrl } from './requirement.js';

/** Collects the index options of all files in reading order, with pip's rules for repeated and contradicting ones. */
export class IndexSettings {
  private indexUrl: SourceUrl | undefined;
  private readonly extraIndexUrls: SourceUrl[] = [];
  private readonly findLinks: ({ readonly url: SourceUrl } | { readonly path: string })[] = [];
  private readonly trustedHosts = new Set<string>();
  private readonly features = new Set<string>();
  private readonly noBinary = new Set<string>();
  private readonly onlyBinary = new Set<string>();
  private readonly flags = new Set<'--no-index' | '--pre' | '--prefer-binary' | '--require-hashes'>();

  /** The last one wins. */
  setIndex(url: SourceUrl): void {
    this.indexUrl = url;
  }

  addExtraIndex(url: SourceUrl): void {
    this.extraIndexUrls.push(url);
  }

  addFindLinks(place: { readonly url: SourceUrl } | { readonly path: string }): void {
    this.findLinks.push(place);
  }

  addTrustedHost(host: string): void {
    this.trustedHosts.add(host);
  }

  addFeature(feature: string): void {
    this.features.add(feature);
  }

  setFlag(flag: '--no-index' | '--pre' | '--prefer-binary' | '--require-hashes'): void {
    this.flags.add(flag);
  }

  selectFormat(option: '--no-binary' | '--only-binary', value: string): void {
    if (option === '--no-binary') select(value, this.noBinary, this.onlyBinary);
    else select(value, this.onlyBinary, this.noBinary);
  }

  /** `hashed`: some requirement has a hash, which requires one of all. */
  options(hashed: boolean): IndexOptions {
    const noIndex = this.flags.has('--no-index');
    return {
      ...(this.indexUrl === undefined || noIndex ? {} : { indexUrl: this.indexUrl }),
      extraIndexUrls: noIndex ? [] : uniqueBy(this.extraIndexUrls, (url) => url.url),
      noIndex,
      findLinks: uniqueBy(this.findLinks, (place) => ('url' in place ? `url ${place.url.url}` : `path ${place.path}`)),
      trustedHosts: [...this.trustedHosts].sort(compare),
      prereleases: this.flags.has('--pre'),
      noBinary: selection(this.noBinary),
      onlyBinary: selection(this.onlyBinary),
      preferBinary: this.flags.has('--prefer-binary'),
      requireHashes: hashed || this.flags.has('--require-hashes'),
      useFeatures: [...this.features].sort(compare),
    };
  }
}

/** pip's rule: `:all:` takes all from the other option, `:none:` empties this one, a name leaves the other one. */
function select(value: string, target: Set<string>, other: Set<string>): void {
  let names = value.split(',');
  for (let all = names.indexOf(':all:'); all !== -1; all = names.indexOf(':all:')) {
    other.clear();
    target.clear();
    target.add(':all:');
    names = names.slice(all + 1);
    if (!names.includes(':none:')) return;
  }
  for (const name of names) {
    if (name === ':none:') {
      target.clear();
    } else {
      other.delete(normalizeName(name));
      target.add(normalizeName(name));
    }
  }
}

function selection(names: ReadonlySet<string>): FormatSelection {
  return names.has(':all:') ? 'all' : [...names].sort(compare);
}

function uniqueBy<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(key(item)) && seen.add(key(item)));
}
