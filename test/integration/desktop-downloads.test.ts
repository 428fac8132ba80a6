// `downloads: deny` refuses files of the desktop in every spelling of the path.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

let stack: Stack
let visitor: SignedIn
beforeAll(async () => {
  stack = await startStack({
    environment: { GATEWAY_DOWNLOADS: 'deny' },
    desktop: { backlog: 64, files: { '/shared/Downloads2/x.txt': { body: 'x' } } },
  })
  visitor = await signIn(stack.gateway)
})
afterAll(() => stack.stop())

describe('with downloads denied', () => {
  it.each([
    '/Downloads/Downloads/letter.txt',
    '/Downloads/Downloads/',
    '/Downloads/',
    '/Downloads',
    '/Downloads?x=1',
    '/downloads/x',
    '/DOWNLOADS/x',
    '//Downloads//Downloads//letter.txt',
    '/%44ownloads/Downloads/letter.txt',
    '/app/Downloads/letter.txt',
    '/myDownloads/letter.txt',
    // Listings, because somebody may have linked files there under another name.
    '/app/',
    '/app/images/?C=M',
    '/shared/',
  ])('%s is refused without a request to the desktop', async (path) => {
    const before = stack.desktop.requests.length
    for (const method of ['GET', 'HEAD']) {
      const answer = await visitor.ask(`${method} ${path}`)
      expect(answer.status).toBe(403)
    }
    expect(stack.desktop.requests).toHaveLength(before)
    expect(stack.gateway.audit('access_denied').at(-1)).toMatchObject({ reason: 'downloads' })
  })

  it.each(['/Downloads%2FDownloads%2Fletter.txt', '/app/../Downloads/letter.txt'])(
    '%s is a bad request',
    async (path) => {
      expect((await visitor.ask(`GET ${path}`)).status).toBe(400)
    },
  )

  it.each(['/', '/?resize=remote', '/vnc.html', '/app/ui.js', '/shared/Downloads2/x.txt'])(
    'files of the client can still be loaded: %s',
    async (path) => {
      expect((await visitor.ask(`GET ${path}`)).status).toBe(200)
    },
  )

  it('a page explains the refusal', async () => {
    const answer = await visitor.ask(
      'GET /Downloads/',
      'Sec-Fetch-Mode: navigate',
      'Sec-Fetch-Dest: document',
    )
    expect(answer.status).toBe(403)
    expect(answer.body).toContain('You may not download files')
  })

  it('no stream can be opened below the folder either', async () => {
    expect((await visitor.open({ path: '/Downloads/x' })).status).toBe(403)
  })
})
