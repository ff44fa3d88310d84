import type { CatalogueEntry } from './entry.ts'

/** HG2001 to HG2014: a text is not in the format that its key needs. */
export const formatErrors = {
  HG2001: {
    severity: 'error',
    title: 'invalid duration',
    explanation:
      'A duration is a number and a unit: `250ms`, `5s`, `10m`, `24h`, `90d`, also together as `1h30m`, largest unit first. A number alone does not say what it counts. Where there may be no limit, `never` or `∞` says so. Timers hold 24 days at most.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    timeout: 5sec
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    timeout: 5s
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2002: {
    severity: 'error',
    title: 'invalid size',
    explanation: 'A size is a number and a binary unit: `512B`, `64KiB`, `10MiB`, `1GiB`. One KiB is 1024 bytes.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    max_body: 64KB
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    max_body: 64KiB
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2003: {
    severity: 'error',
    title: 'invalid rate',
    explanation: 'A rate is a whole number, a slash and a period: `10/s`, `100/min`, `1000/hour`. No key of this version takes one yet.',
    wrong: '',
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2004: {
    severity: 'error',
    title: 'invalid percentage',
    explanation:
      'A percentage has a percent sign and lies between `0%` and `100%`: `50%`, `0.5%`. A bare `0.5` could mean either half or half a percent.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    circuit_breaker: { threshold: 0.5 }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    circuit_breaker: { threshold: 50% }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2005: {
    severity: 'error',
    title: 'invalid address',
    explanation:
      'An address is HOST:PORT: `127.0.0.1:8080`, `0.0.0.0:8080` for all interfaces, IPv6 in brackets as `[::1]:8080`. Ports are 0 to 65535; 0 picks a free one.',
    wrong: `listeners:
  main: { address: 8080 }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `listeners:
  main: { address: "0.0.0.0:8080" }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG2006: {
    severity: 'error',
    title: 'invalid path',
    explanation: 'A path starts with `/`, has no empty, `.` or `..` segments, and is written in the one form in which requests are matched.',
    wrong: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: hello
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /hello
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2007: {
    severity: 'error',
    title: 'invalid path pattern',
    explanation:
      'A path pattern starts with `/`. `{name}` stands for one whole segment, `/*` only at the end for the path before it and all below. Escapes are written in the one form in which requests are matched.',
    wrong: `routing_rules:
  - path: /hello/*/world
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello/{name}/world
    respond: { body: hello }
`,
  },
  HG2008: {
    severity: 'error',
    title: 'invalid host',
    explanation: 'Hosts are matched without scheme and port: `api.example.com`, or `*.example.com` for all names below.',
    wrong: `routing_rules:
  - path: /hello
    hosts: ["https://api.example.com"]
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    hosts: [api.example.com]
    respond: { body: hello }
`,
  },
  HG2009: {
    severity: 'error',
    title: 'invalid method',
    explanation: 'Methods are written in capitals and must be among those that HTTP parsers know. Leave `methods` out to match every method.',
    wrong: `routing_rules:
  - path: /hello
    methods: [get]
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    methods: [GET]
    respond: { body: hello }
`,
  },
  HG2010: {
    severity: 'error',
    title: 'invalid header name',
    explanation: 'Header names are letters, digits and `-` (RFC 9110 tokens), without the colon.',
    wrong: `routing_rules:
  - path: /hello
    headers: { "x tenant": one }
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    headers: { x-tenant: one }
    respond: { body: hello }
`,
  },
  HG2011: {
    severity: 'error',
    title: 'invalid header value',
    explanation: 'Header values are printable Latin-1 characters on one line.',
    wrong: `routing_rules:
  - path: /hello
    respond: { headers: { x-note: "one\\ntwo" } }
`,
    right: `routing_rules:
  - path: /hello
    respond: { headers: { x-note: one two } }
`,
  },
  HG2012: {
    severity: 'error',
    title: 'invalid URL',
    explanation:
      'An address of a service is an origin: `http://` or `https://`, host and port, without path, query, fragment or user. Other URLs are absolute http(s) URLs.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["localhost:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://localhost:9101"] }
`,
  },
  HG2013: {
    severity: 'error',
    title: 'invalid DNS name',
    explanation: '`dns` takes a name, a name with a port, or an SRV name. IP addresses and URLs go under `urls`.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { dns: "http://users.internal" }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { dns: users.internal }
`,
  },
  HG2014: {
    severity: 'error',
    title: 'invalid IP range',
    explanation: 'An IP address, or a range in CIDR notation such as `10.0.0.0/8`.',
    wrong: `listeners:
  main: { trusted_proxies: [10.0.0.0/40] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `listeners:
  main: { trusted_proxies: [10.0.0.0/8] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
} as const satisfies Record<string, CatalogueEntry>
