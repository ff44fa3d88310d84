import type { TlsInput } from '../../schemas/tls.ts'
import type { UpstreamTlsConfig } from '../model.ts'

/** PEM texts of one `tls`, read and checked before. */
export type TlsTexts = Pick<UpstreamTlsConfig, 'ca' | 'cert' | 'key'>

export const resolveTls = (tls: TlsInput, texts: TlsTexts): UpstreamTlsConfig => ({
  verify: tls.verify,
  ...(tls.server_name !== undefined && { serverName: tls.server_name }),
  ...texts,
})
