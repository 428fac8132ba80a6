// A failure is an error with one of our codes, a message that is safe to show, and its cause.
// Expected outcomes (no session, no matching rule) are values, not errors.

export type GatewayErrorCode =
  | 'settings-invalid'
  | 'provider-unavailable'
  | 'provider-refused'
  | 'provider-busy'
  | 'token-refused'
  | 'store-unavailable'
  | 'desktop-unreachable'
  | 'desktop-refused'
  | 'desktop-broken'
  | 'desktop-busy'

export class GatewayError extends Error {
  readonly code: GatewayErrorCode

  constructor(code: GatewayErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'GatewayError'
    this.code = code
  }
}

/** The `code` that Node or another library set on an error, if any. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
