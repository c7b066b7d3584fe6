/** Comparison operators of PEP 440, longest first where one is a prefix of another. */
export type Operator = '===' | '==' | '!=' | '~=' | '<=' | '>=' | '<' | '>';

/** One clause of a specifier set, as written: `{ operator: '==', version: '1.4.*' }`. */
export interface Specifier {
  readonly operator: Operator;
  /** Trimmed; for `==` and `!=` it may end in `.*`; for `===` it is any text without white space. */
  readonly version: string;
}
