/**
 * Whether a connection ended because of certificates: the server's is not trusted or names somebody else, or ours cannot be used. Waiting
 * removes none of it. Source: codes of OpenSSL's verification and of `node:tls`.
 */
export function isTlsFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return /^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)
}
