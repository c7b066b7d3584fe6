export type Variables = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])((?:[^{}]|\{[^{}]*\})*))?\})/g;

/**
 * Fills in variables as compose files do: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME+instead}`, `$$`. What is not set
 * is empty; `${NAME?…}` too, since nothing is run with it here.
 */
export function substitute(text: string, variables: Variables): string {
  return text.replace(REFERENCE, (match: string, short?: string, long?: string, operator?: string, word = '') => {
    if (match === '$$') return '$';
    const value = variables[short ?? (long as string)];
    const given = value !== undefined && (value !== '' || operator?.startsWith(':') !== true);
    if (operator?.endsWith('+') === true) return given ? substitute(word, variables) : '';
    if (operator?.endsWith('-') === true && !given) return substitute(word, variables);
    return value ?? '';
  });
}
