/**
 * True if the end of a failed command's output says that its network broke off or a server was busy, so that the same
 * command may well succeed a moment later. What lasts is not among it: no network at all, an unknown name, a certificate.
 */
export function wasInterrupted(tail: readonly string[]): boolean {
  return tail.some((line) => PASSING.test(line)) && !tail.some((line) => LASTING.test(line));
}

/** As uv, pip, git and Node's clients say it. */
const PASSING = new RegExp(
  [
    'error sending request', 'error decoding response body', 'request or response body error', 'error reading a body from connection', 'peer closed connection', 'I/O operation failed during extraction', 'connection closed before message completed', 'tls handshake eof', 'HTTP status server error',
    'status code 429', 'Too Many Requests', '50[0234] Server Error', 'error: 50[0234]\\b',
    'Connection broken', 'Connection aborted', 'ConnectionResetError', 'RemoteDisconnected', 'IncompleteRead', 'ReadTimeoutError', 'Read timed out', 'ProtocolError\\b.*\\(',
    'Connection reset by peer', 'Connection timed out', 'operation timed out', 'network timeout', 'RPC failed', 'early EOF', 'remote end hung up',
    '(?:read|connect|code) E(?:CONNRESET|TIMEDOUT)', 'socket hang up',
  ].join('|'),
);

const LASTING = /certificate|CERTIFICATE|Network is unreachable|name resolution|Name or service not known|Could not resolve host|ENOTFOUND|Connection refused|ECONNREFUSED/;
