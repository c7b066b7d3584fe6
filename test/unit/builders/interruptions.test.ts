import { expect, test } from '@jest/globals';
import { wasInterrupted } from '../../../src/builders/interruptions.js';

test.each([
  [['error: Failed to build `x`', '  cause: error sending request for url (https://index.example/simple/setuptools/)', '  cause: client error (SendRequest)', '  cause: connection closed before message completed']],
  [['error: Request failed after 3 retries', '  Caused by: HTTP status server error (503 Service Unavailable) for url (https://index.example/simple/wheel/)']],
  [["pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='index.example', port=443): Read timed out."]],
  [["pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(5 bytes read, 7 more expected)', IncompleteRead(5 bytes read, 7 more expected))"]],
  [['pip._vendor.requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://index.example/x.whl']],
  [['  cause: Failed to download `setuptools==82.0.1`', '  cause: I/O operation failed during extraction', '  cause: request or response body error']],
  [['  cause: Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT (current value: 30s).']],
  [['error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.', 'fatal: early EOF']],
  [['fatal: unable to access https://git.example/x/: The requested URL returned error: 503']],
  [['npm error code ECONNRESET', 'npm error network aborted']],
])('may pass: %j', (tail) => {
  expect(wasInterrupted(tail)).toBe(true);
});

test.each([
  [[]],
  [["error: command 'gcc' failed: No such file or directory"]],
  [['  cause: error sending request for url (https://index.example/simple/setuptools/)', '  cause: client error (Connect)', '  cause: invalid peer certificate: UnknownIssuer']],
  [['  cause: error sending request for url (https://index.example/simple/)', '  cause: dns error: failed to lookup address information: Temporary failure in name resolution']],
  [['  cause: error sending request for url (http://127.0.0.1:9/)', '  cause: tcp connect error: Connection refused (os error 111)']],
  [['error: Because there are no versions of nothing and you require nothing, we can conclude that your requirements are unsatisfiable.']],
])('stays: %j', (tail) => {
  expect(wasInterrupted(tail)).toBe(false);
});
