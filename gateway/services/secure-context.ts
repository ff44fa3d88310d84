import { createSecureContext, type SecureContext } from 'node:tls'
import type { ServiceConfig } from '../../config/model.ts'

/** Certificates given in the settings are read at once, so that a mistake stops the build; the machine's own only at the first use. */
export const sharedSecureContext = ({ tls }: ServiceConfig): (() => SecureContext) => {
  let context: SecureContext | undefined
  const make = (): SecureContext => (context ??= createSecureContext({ ca: tls?.ca, cert: tls?.cert, key: tls?.key }))
  if (tls?.ca !== undefined || tls?.cert !== undefined || tls?.key !== undefined) make()
  return make
}
