/** A position in a text file; line and column are 1-based, `file` is as the user would write it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A value that remembers where it was written. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

export function formatPlace(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}
