import { AwsV4Signer } from 'aws4fetch'
import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, ProviderAnswer } from '../../../gateway/plugin.ts'

export type SesCall = (method: 'GET' | 'POST', path: string, body: Json | undefined, signal: AbortSignal) => Promise<ProviderAnswer>

/** Calls to SES, each signed with the credentials of that moment (AWS Signature Version 4). @param context With `auth` of the type `aws`. */
export const sesCall =
  ({ http, auth, secret, baseUrl, now }: AdapterContext): SesCall =>
  async (method, path, body, signal) => {
    const { region } = auth
    const [accessKeyId, secretAccessKey, sessionToken] = ['access_key_id', 'secret_access_key', 'session_token'].map((name) => secret(`auth.${name}`))
    if (accessKeyId === undefined || typeof region !== 'string' || secretAccessKey === undefined) {
      throw new ProviderFailure('unauthorized', 'no credentials for SES', { executed: 'no', code: 'credentials_missing' })
    }
    const text = body === undefined ? undefined : JSON.stringify(body)
    const signed = await new AwsV4Signer({
      method,
      url: `${baseUrl.replace(/\/$/, '')}${path}`,
      service: 'ses',
      region,
      accessKeyId,
      secretAccessKey,
      datetime: new Date(now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
      headers: text === undefined ? {} : { 'content-type': 'application/json' },
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(text === undefined ? {} : { body: text }),
    }).sign()
    const headers = Object.fromEntries([...signed.headers].filter(([name]) => name !== 'host'))
    return http.request({ method, path: signed.url.href, headers, signal, authorize: false, ...(text === undefined ? {} : { body: text }) })
  }
