import { addressText } from '../render/address.ts'

interface SystemError {
  readonly code: string
  readonly address: string
  readonly port: number
}

const isListenError = (error: unknown): error is Error & SystemError =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  'address' in error &&
  typeof error.address === 'string' &&
  'port' in error &&
  typeof error.port === 'number'

const isLookupError = (error: unknown): error is Error & { readonly hostname: string } =>
  error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo' && 'hostname' in error && typeof error.hostname === 'string'

/** Their messages say by themselves what is to be done. Those of workers are known by nothing else. */
const forOperators: ReadonlySet<unknown> = new Set(['SECRET_UNAVAILABLE', 'UNUSABLE_ADAPTER'])

/** One sentence for a start that failed for want of an address, a secret or an adapter; undefined for anything else. */
export const startFailure = (error: unknown): string | undefined => {
  if (error instanceof Error && 'code' in error && forOperators.has(error.code)) return error.message
  if (isLookupError(error)) return `\`${error.hostname}\` cannot be resolved to an address of this machine. Choose another with --listen or --admin.`
  if (!isListenError(error)) return undefined
  const address = addressText({ host: error.address, port: error.port })
  switch (error.code) {
    case 'EADDRINUSE':
      return `${address} is already in use. Stop the program that uses it (\`ss -ltnp 'sport = :${error.port}'\` names it), or choose another address with --listen or --admin.`
    case 'EACCES':
      return `${address} may not be opened: ports below 1024 need a privilege. Choose a higher one with --listen or --admin.`
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine. Choose another with --listen or --admin.`
    default:
      return undefined
  }
}
