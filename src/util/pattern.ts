/** A text with `*` for anything and `?` for one character, as an expression for the whole of a text. */
export function patternOf(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}
