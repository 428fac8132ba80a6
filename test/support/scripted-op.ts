// An OpenID Provider that does what a test tells it to: it signs everybody in at once, keeps a record of all that it was
// asked, and every one of its answers can be bent. What is not bent is right, so that a test shows one fault alone.

import { createHmac, randomBytes } from 'node:crypto'
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, SignJWT, type CryptoKey, type JWK } from 'jose'
import type { Certificate } from './certificate.ts'
import { CLIENT_ID } from './gateway.ts'

export type Json = Readonly<Record<string, unknown>>

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object goes out as JSON, text and bytes as they stand. */
  readonly body?: unknown
  readonly afterMs?: number
  /** `hang`: no answer ever; `hang-midway`, `reset-midway`: after half of the body. */
  readonly fault?: 'hang' | 'reset' | 'hang-midway' | 'reset-midway'
}

/** From the right answer to the one that goes out; what it leaves out stays as it was. */
export type Bend = (usual: Reply & { readonly body: Json }) => Reply

export type Signature =
  | 'right'
  | 'another-key'
  | 'public-key-as-secret'
  | 'none'
  | 'tampered'
  | 'missing'

export interface Script {
  readonly discovery: Bend
  readonly jwks: Bend
  readonly par: Bend
  readonly token: Bend
  readonly userinfo: Bend
  /** The authorization response, to be changed in place. */
  readonly authorization: (response: URLSearchParams) => void
  /** Whether the token endpoint accepts the client's credentials. */
  readonly authenticates: (request: Pick<OpRequest, 'headers' | 'form'>) => boolean
  /** Over the right claims of the ID token; undefined takes one out. */
  readonly claims: Json
  /** Claims that userinfo adds to `sub`. */
  readonly userinfoClaims: Json
  /** Over the right header of the ID token. */
  readonly header: Json
  readonly signature: Signature
}

export interface OpRequest {
  readonly endpoint: Endpoint
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
  readonly form: URLSearchParams
}

const ENDPOINTS = {
  '/.well-known/openid-configuration': 'discovery',
  '/jwks': 'jwks',
  '/authorize': 'authorize',
  '/par': 'par',
  '/token': 'token',
  '/userinfo': 'userinfo',
  '/logout': 'logout',
} as const

export type Endpoint = (typeof ENDPOINTS)[keyof typeof ENDPOINTS] | 'none'

export interface ScriptedOpOptions {
  readonly port?: number
  readonly tls?: Certificate
  /** After the origin, in the issuer and before every endpoint. */
  readonly path?: string
  /** From the start on; `reset` comes back to it. */
  readonly script?: Partial<Script>
}

export interface ScriptedOp {
  readonly issuer: string
  readonly port: number
  /** Every request so far, oldest first. */
  readonly requests: readonly OpRequest[]
  asked(endpoint: Endpoint): readonly OpRequest[]
  /** Where a person who goes to the authorization endpoint at `url` is sent back to. */
  signIn(url: URL): URL
  /** A logout token for everything of the usual person's; `claims` and `header` over the right ones. */
  logoutToken(claims?: Json, header?: Json, signature?: Signature): Promise<string>
  /** Lays `changes` over the script in force. */
  script(changes: Partial<Script>): void
  /** The first script again, and an empty record. */
  reset(): void
  /** A new signing key, under a new `kid` unless told otherwise; the old one is gone from the key set. */
  rotateKey(kid?: string): Promise<void>
  /** Of the signing key. */
  readonly kid: string
  stop(): Promise<void>
}

const USUAL: Script = {
  discovery: (usual) => usual,
  jwks: (usual) => usual,
  par: (usual) => usual,
  token: (usual) => usual,
  userinfo: (usual) => usual,
  authorization: () => {},
  authenticates: () => true,
  claims: {},
  userinfoClaims: {},
  header: {},
  signature: 'right',
}

/** Who signs in, unless the script says otherwise. */
export const PERSON = {
  sub: 'alice',
  name: 'Alice Adams',
  email: 'alice@example.com',
  email_verified: true,
  groups: ['desktop-users'],
} as const

/** Tokens begin with this, so that a test can look for them where none belong. */
export const TOKEN_PREFIX = 'op-secret-'

interface Grant {
  readonly nonce: string | undefined
  readonly challenge: string | undefined
  isRedeemed: boolean
}

interface Key {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

// Each OP of a process begins with the same key: making one takes longer than most tests.
let firstKey: Promise<Key> | undefined

export async function startScriptedOp(options: ScriptedOpOptions = {}): Promise<ScriptedOp> {
  const { tls, path = '' } = options
  const first: Script = { ...USUAL, ...options.script }
  let script = first
  const requests: OpRequest[] = []
  const grants = new Map<string, Grant>()
  const pushed = new Map<string, URLSearchParams>()
  let key = await (firstKey ??= newKey())

  const server = tls === undefined ? createHttpServer() : createHttpsServer(tls)
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const issuer = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}${path}`
  // An issuer may end with a slash; a path below it has one all the same.
  const base = issuer.replace(/\/$/, '')

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer)
    const below = url.pathname.slice(new URL(base).pathname.replace(/\/$/, '').length)
    const endpoint = (ENDPOINTS as Readonly<Record<string, Endpoint>>)[below] ?? 'none'
    const form = new URLSearchParams(request.method === 'POST' ? await text(request) : '')
    const { method = '', headers } = request
    requests.push({ endpoint, method, headers, query: url.searchParams, form })
    switch (endpoint) {
      case 'discovery':
        return send(response, script.discovery, discoveryDocument())
      case 'jwks':
        return send(response, script.jwks, { keys: [key.jwk] })
      case 'authorize':
        response.writeHead(302, { location: authorize(url.searchParams).href }).end()
        return
      case 'par': {
        const uri = `urn:ietf:params:oauth:request_uri:${randomBytes(8).toString('hex')}`
        pushed.set(uri, form)
        return send(response, script.par, { request_uri: uri, expires_in: 60 }, 201)
      }
      case 'token':
        return script.authenticates({ headers, form })
          ? token(form, response)
          : send(response, (usual) => usual, { error: 'invalid_client' }, 401)
      case 'userinfo':
        return send(response, script.userinfo, { sub: PERSON.sub, ...script.userinfoClaims })
      case 'logout':
      case 'none':
        return send(response, (usual) => usual, {}, endpoint === 'none' ? 404 : 200)
    }
  }

  function discoveryDocument(): Json {
    return {
      issuer,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      userinfo_endpoint: `${base}/userinfo`,
      jwks_uri: `${base}/jwks`,
      end_session_endpoint: `${base}/logout`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      authorization_response_iss_parameter_supported: true,
    }
  }

  function authorize(query: URLSearchParams): URL {
    const asked = pushed.get(query.get('request_uri') ?? '') ?? query
    const code = TOKEN_PREFIX + randomBytes(16).toString('hex')
    grants.set(code, {
      nonce: asked.get('nonce') ?? undefined,
      challenge: asked.get('code_challenge') ?? undefined,
      isRedeemed: false,
    })
    const back = new URL(asked.get('redirect_uri') ?? '')
    const state = asked.get('state') ?? ''
    const parameters = new URLSearchParams({ code, state, iss: issuer })
    script.authorization(parameters)
    back.search = parameters.toString()
    return back
  }

  async function token(form: URLSearchParams, response: ServerResponse): Promise<void> {
    if (form.get('grant_type') === 'refresh_token') {
      return send(response, script.token, {
        access_token: `${TOKEN_PREFIX}${randomBytes(16).toString('hex')}`,
        token_type: 'Bearer',
        expires_in: 300,
      })
    }
    const grant = grants.get(form.get('code') ?? '')
    if (grant === undefined || grant.isRedeemed || !(await verifies(form, grant))) {
      return send(response, (usual) => usual, { error: 'invalid_grant' }, 400)
    }
    grant.isRedeemed = true
    const idToken = await sign(grant)
    return send(response, script.token, {
      access_token: `${TOKEN_PREFIX}${randomBytes(16).toString('hex')}`,
      token_type: 'Bearer',
      expires_in: 300,
      ...(idToken === undefined ? {} : { id_token: idToken }),
    })
  }

  function sign({ nonce }: Grant): Promise<string | undefined> {
    const { claims, header, signature } = script
    return signed({ ...PERSON, nonce, ...claims }, header, signature)
  }

  async function signed(
    more: Json,
    moreHeader: Json,
    signature: Signature,
  ): Promise<string | undefined> {
    const now = Math.floor(Date.now() / 1_000)
    const claims = { iss: issuer, aud: CLIENT_ID, iat: now, exp: now + 300, ...more }
    const header = { alg: 'RS256', kid: key.kid, ...moreHeader }
    const unsigned = (alg: string): string => `${encode({ ...header, alg })}.${encode(claims)}`
    switch (signature) {
      case 'right':
      case 'another-key': {
        // By hand: no library signs a header that is against the rules.
        const { privateKey } = signature === 'right' ? key : await newKey()
        const input = `${encode(header)}.${encode(claims)}`
        const bytes = new TextEncoder().encode(input)
        const mac = await crypto.subtle.sign(privateKey.algorithm.name, privateKey, bytes)
        return `${input}.${Buffer.from(mac).toString('base64url')}`
      }
      case 'public-key-as-secret': {
        // The oldest trick: the verifier's public key, read as an HMAC secret.
        const input = unsigned('HS256')
        const mac = createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest('base64url')
        return `${input}.${mac}`
      }
      case 'none':
        return `${unsigned('none')}.`
      case 'tampered': {
        const other = await new SignJWT({ ...claims, groups: ['nobody'] })
          .setProtectedHeader(header)
          .sign(key.privateKey)
        return `${unsigned('RS256')}.${other.split('.')[2] ?? ''}`
      }
      case 'missing':
        return undefined
    }
  }

  return {
    issuer,
    port,
    requests,
    asked: (endpoint) => requests.filter((request) => request.endpoint === endpoint),
    signIn: (url) => authorize(url.searchParams),
    async logoutToken(claims = {}, header = {}, signature = 'right') {
      const usual = {
        sub: PERSON.sub,
        jti: randomBytes(8).toString('hex'),
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      }
      return (
        (await signed({ ...usual, ...claims }, { typ: 'logout+jwt', ...header }, signature)) ?? ''
      )
    },
    script(changes) {
      script = { ...script, ...changes }
    },
    reset() {
      script = first
      requests.length = 0
    },
    async rotateKey(kid) {
      key = await newKey(kid)
    },
    get kid() {
      return key.kid
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}

async function newKey(kid = randomBytes(4).toString('hex')): Promise<Key> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2_048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ['sign', 'verify'],
  )
  return {
    kid,
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' },
  }
}

/** RFC 7636 4.6, S256 only. */
async function verifies(form: URLSearchParams, { challenge }: Grant): Promise<boolean> {
  const verifier = new TextEncoder().encode(form.get('code_verifier') ?? '')
  const digest = await crypto.subtle.digest('SHA-256', verifier)
  return challenge === Buffer.from(digest).toString('base64url')
}

async function send(
  response: ServerResponse,
  bend: Bend,
  body: Json,
  usualStatus = 200,
): Promise<void> {
  const usual = { status: usualStatus, headers: { 'content-type': 'application/json' }, body }
  const reply = { ...usual, ...bend(usual) }
  if (reply.afterMs !== undefined) await sleep(reply.afterMs)
  const { status, headers, fault } = reply
  if (fault === 'hang') return
  if (fault === 'reset') {
    response.socket?.resetAndDestroy()
    return
  }
  const isWritten = typeof reply.body === 'string' || Buffer.isBuffer(reply.body)
  const written = isWritten ? (reply.body as string | Buffer) : JSON.stringify(reply.body)
  if (fault === undefined) {
    response.writeHead(status, headers).end(written)
    return
  }
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(written) })
  response.write(written.slice(0, written.length / 2), () => {
    if (fault === 'reset-midway') response.socket?.resetAndDestroy()
  })
}

function encode(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
