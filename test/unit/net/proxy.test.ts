import { expect, test } from '@jest/globals';
import { bypassesProxy } from '../../../src/net/proxy.js';
import { hostOf, redactUrl } from '../../../src/net/redact.js';

test.each([
  ['https://pypi.example.com/x', 'pypi.example.com', true],
  ['https://pypi.example.com/x', 'example.com', true],
  ['https://pypi.example.com/x', '.example.com', true],
  ['https://pypi.example.com/x', '*.example.com', true],
  ['https://pypi.example.com/x', 'PyPI.Example.com', true],
  ['https://badexample.com/x', 'example.com', false],
  ['https://badexample.com/x', '.example.com', false],
  ['https://a.example.com/x', 'a.example.com:443', true],
  ['https://a.example.com/x', 'a.example.com:80', false],
  ['http://a.example.com:8080/x', 'a.example.com:8080', true],
  ['http://127.0.0.1:8080/x', '127.0.0.1', true],
  ['http://[::1]:8080/x', '::1', true],
  ['http://[::1]:8080/x', '[::1]:8080', true],
  ['http://[::1]:8080/x', '[::1]:81', false],
  ['http://anything/', '*', true],
  ['http://anything/', '', false],
])('%s with noProxy %s: %s', (url, entry, direct) => {
  expect(bypassesProxy(new URL(url), [entry])).toBe(direct);
});

test.each([
  ['https://user:pass@host:8080/simple/flask/?token=x#sha256=y', 'https://host:8080/simple/flask/', 'host:8080'],
  ['https://host/', 'https://host/', 'host'],
  ['file:///srv/wheels/a.whl', '/srv/wheels/a.whl', ''],
  ['https://user:pass@', '(invalid URL)', '(invalid URL)'],
])('%s is shown as %s', (url, shown, host) => {
  expect(redactUrl(url)).toBe(shown);
  expect(hostOf(url)).toBe(host);
});
