/** `HOST:PORT`, with brackets around an IPv6 address. */
export const addressText = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

const anyHosts = new Set(['0.0.0.0', '::', ''])

/** URL that a person on this machine can open: an address for all interfaces becomes `localhost`. */
export const urlText = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `http://${addressText({ host: anyHosts.has(host) ? 'localhost' : host, port })}`
