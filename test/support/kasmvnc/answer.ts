// The answers of KasmVNC's HTTP side, byte for byte. Every one ends with the connection.

const HEAD = 'Server: KasmVNC/4.0\r\nConnection: close\r\n'

/** Renders answers with the `-http-header` lines of the server, which the ban and the 101 answer do not carry. */
export class Answers {
  readonly #extra: string

  constructor(headers: Readonly<Record<string, string>>) {
    this.#extra = Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
  }

  /** 26 bytes and no header at all (WS.c:1995). */
  banned(): Buffer {
    return Buffer.from('HTTP/1.1 401 Forbidden\r\n\r\n')
  }

  missingCredentials(): Buffer {
    const challenge = 'WWW-Authenticate: Basic realm="Websockify"\r\n'
    return Buffer.from(`HTTP/1.1 401 Unauthorized\r\n${challenge}${this.#extra}\r\n`)
  }

  /** Without WWW-Authenticate: a browser does not ask again (WS.c:2083). */
  wrongCredentials(): Buffer {
    return Buffer.from(`HTTP/1.1 401 Forbidden\r\n${this.#extra}\r\n`)
  }

  notOwner(): Buffer {
    return this.withoutLength('401 Unauthorized', 'text/plain', '401 Unauthorized')
  }

  malformedCredentials(): Buffer {
    return this.withoutLength('403 Forbidden', 'text/plain', '403 Forbidden')
  }

  badRequest(info = ''): Buffer {
    return this.withoutLength('400 Bad Request', 'text/plain', `400 Bad Request${info}`)
  }

  notFound(): Buffer {
    return this.withoutLength('404 Not Found', 'text/plain', '404')
  }

  /** Relative to the root whatever prefix a proxy has taken off. */
  moved(path: string): Buffer {
    const head = `Server: KasmVNC/4.0\r\nLocation: ${path}/\r\nConnection: close\r\n`
    return Buffer.from(
      `HTTP/1.1 301 Moved Permanently\r\n${head}Content-type: text/plain\r\n${this.#extra}\r\n`,
    )
  }

  /** Has no length: only the end of the connection ends it. */
  withoutLength(status: string, type: string, body: string): Buffer {
    return Buffer.from(
      `HTTP/1.1 ${status}\r\n${HEAD}Content-type: ${type}\r\n${this.#extra}\r\n${body}`,
    )
  }

  ok(type: string, body: string | Buffer): Buffer {
    const content = Buffer.from(body)
    const length = `Content-length: ${content.length}\r\n`
    const head = `HTTP/1.1 200 OK\r\n${HEAD}Content-type: ${type}\r\n${length}${this.#extra}\r\n`
    return Buffer.concat([Buffer.from(head), content])
  }
}

/** Upgrade, Connection, Accept, Protocol and nothing else: no extension, no extra header (WS.c:2140-2160). */
export function switchingProtocols(accept: string, protocol: string): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
    '\r\n',
  ].join('\r\n')
}
