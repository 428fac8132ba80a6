import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FAILURES } from '../../../src/messages/failures.ts'
import { deniedPage } from '../../../src/pages/denied-page.ts'
import {
  failurePage,
  signedOutHerePage,
  signInPage,
  signOutPage,
  type Page,
} from '../../../src/pages/pages.ts'
import { REMOVE_COOKIES_SCRIPT } from '../../../src/pages/remove-cookies-script.ts'
import { WAITING_SCRIPT } from '../../../src/pages/waiting-script.ts'
import { END_REASONS } from '../../../src/session/session.ts'
import { EVERY_PAGE, FAILURE_KINDS } from '../../support/every-page.ts'

const EVIL = `"><script>alert('x')</script>&amp;`
const requestId = 'abc123'
const pages = [...EVERY_PAGE]
const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  'failure-desktop-unreachable': [WAITING_SCRIPT],
  'too-many-cookies': [REMOVE_COOKIES_SCRIPT],
}

/** The targets of the links and forms of a page, in order. */
function targetsOf({ html }: Page): string[] {
  return [...html.matchAll(/<(?:a|form)\s[^>]*?(?:href|action)="([^"]*)"/g)].map(
    ([, target = '']) => target.replaceAll('&amp;', '&'),
  )
}

function titleOf({ html }: Page): string | undefined {
  return /<h1>([^<]*)<\/h1>/.exec(html)?.[1]
}

/** The visible text of the page, with white space collapsed. */
function textOf({ html }: Page): string {
  const [, main = ''] = /<main>(.*)<\/main>/s.exec(html) ?? []
  return main
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

function policyOf(page: Page): string[] {
  return (page.headers['content-security-policy'] ?? '').split('; ')
}

describe.each(pages)('the page %s', (name, page) => {
  it('allows exactly its own style', () => {
    const styles = [...page.html.matchAll(/<style>(.*?)<\/style>/gs)].map(([, style = '']) => style)
    expect(styles).toHaveLength(1)
    const hash = createHash('sha256')
      .update(styles[0] ?? '')
      .digest('base64')
    expect(policyOf(page)).toContain(`style-src 'sha256-${hash}'`)
  })

  it('has no script except one that its policy allows, no inline style or handler, and loads nothing', () => {
    const scripts = [...page.html.matchAll(/<script>(.*?)<\/script>/gs)].map(
      ([, text = '']) => text,
    )
    const hashes = scripts.map((text) => createHash('sha256').update(text).digest('base64'))
    expect(policyOf(page).filter((directive) => /^(?:script|connect)-/.test(directive))).toEqual(
      hashes.length === 0 ? [] : [`script-src 'sha256-${hashes[0] ?? ''}'`, "connect-src 'self'"],
    )
    expect(scripts).toEqual(SCRIPTS[name] ?? [])
    expect(page.html.replaceAll(/<script>.*?<\/script>/gs, '')).not.toMatch(
      /<script|javascript:|\sstyle=|\son\w+=|@import|url\(/i,
    )
    expect(page.html).not.toMatch(/(?:src|href)="https?:/)
    expect(policyOf(page)).toEqual(
      expect.arrayContaining(["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]),
    )
  })

  it('has one top-level heading, a language, a landmark and one button, or one for each choice', () => {
    expect(page.html).toMatch(/^<!doctype html>\s*<html lang="en">/)
    expect(page.html.match(/<h1>/g)).toHaveLength(1)
    expect(page.html.match(/<main>/g)).toHaveLength(1)
    const buttons = page.html.match(/class="button"/g)?.length
    expect(buttons).toBe(page.html.includes('class="choices"') ? 3 : 1)
    expect(page.html).toContain(`<title>${titleOf(page)} · Ghostwire Gateway</title>`)
  })

  it('is not stored, and other sites cannot frame or read it', () => {
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
  })
})

describe('signInPage', () => {
  it('has a different text for each end reason', () => {
    const texts = [undefined, ...END_REASONS].map((reason) =>
      textOf(signInPage({ reason, returnTo: '/' })),
    )
    expect(new Set(texts).size).toBe(END_REASONS.length + 1)
  })

  it('tells a person who signed out that it worked', () => {
    expect(titleOf(signInPage({ reason: 'signed-out', returnTo: '/' }))).toBe('You are signed out')
  })

  it('links only to the sign-in, with the path as an encoded parameter', () => {
    const page = signInPage({ returnTo: '/a?b=c&rd=//evil.example#"\'>' })
    expect(page.status).toBe(200)
    expect(targetsOf(page)).toEqual([
      '/oauth2/start?rd=%2Fa%3Fb%3Dc%26rd%3D%2F%2Fevil.example%23%22%27%3E',
    ])
  })

  it('accepts a path that is not well-formed Unicode', () => {
    expect(targetsOf(signInPage({ returnTo: '/\ud800' }))).toEqual([
      '/oauth2/start?rd=%2F%EF%BF%BD',
    ])
  })
})

describe('signOutPage', () => {
  it('posts to the sign-out and links back to the desktop', () => {
    const page = signOutPage({ who: 'Alice' })
    expect(page.status).toBe(200)
    expect(page.html).toMatch(/<form method="post" action="\/oauth2\/sign_out">/)
    expect(targetsOf(page)).toEqual(['/oauth2/sign_out', '/'])
    expect(textOf(page)).toContain('You are signed in as Alice')
  })

  it('shows no name when none is known', () => {
    expect(textOf(signOutPage({ who: undefined }))).not.toContain('signed in as')
  })

  it('is the only page whose form may redirect to the provider and whose POST has an Origin', () => {
    const page = signOutPage({ who: 'Alice' })
    expect(page.headers['content-security-policy']).not.toContain('form-action')
    expect(page.headers['referrer-policy']).toBe('same-origin')
    const others = pages.filter(([name]) => !name.startsWith('sign-out')).map(([, other]) => other)
    for (const other of others) {
      expect(other.html).not.toContain('<form')
      expect(policyOf(other)).toContain("form-action 'none'")
      expect(other.headers['referrer-policy']).toBe('no-referrer')
    }
  })
})

describe('signedOutHerePage', () => {
  it('warns that the session at the provider continues, and links to a new sign-in', () => {
    const page = signedOutHerePage()
    expect(page.status).toBe(200)
    expect(textOf(page)).toMatch(/close all windows/)
    expect(targetsOf(page)).toEqual(['/oauth2/start'])
  })
})

describe('deniedPage', () => {
  const about = {
    who: 'Bob',
    requestId,
    returnTo: '/a b',
    hasSession: true,
    reason: 'no-rule-matches',
  } as const

  it('says what to do about an address that the provider has not verified', () => {
    const page = deniedPage({ ...about, email: 'bob@example.com', reason: 'email-not-verified' })
    expect(page.status).toBe(403)
    expect(titleOf(page)).toBe('Verify your e-mail address')
    expect(textOf(page)).toContain('oidc.emailVerified: assumed')
    expect(textOf(page)).not.toContain('not allowed')
    expect(targetsOf(page)[0]).toBe('/oauth2/start?prompt=login&rd=%2Fa+b')
  })

  it('tells the administrator what to do about groups that the provider leaves out', () => {
    const page = deniedPage({ ...about, reason: 'groups-omitted' })
    expect(titleOf(page)).toBe('Your groups are not known')
    for (const cure of ['assigned to the application', 'groupsClaim: roles', 'groupsFromGraph'])
      expect(textOf(page)).toContain(cure)
  })

  it('says who is signed in and offers another account', () => {
    const page = deniedPage({ ...about, email: 'bob@example.com' })
    expect(page.status).toBe(403)
    expect(textOf(page)).toMatch(/signed in as Bob \( ?bob@example\.com ?\)/)
    expect(textOf(page)).toContain(`Request ID ${requestId}`)
    expect(targetsOf(page)).toEqual([
      '/oauth2/start?prompt=select_account&rd=%2Fa+b',
      '/oauth2/sign_out',
    ])
  })

  it('offers no sign-out to a person without a session', () => {
    expect(targetsOf(deniedPage({ ...about, hasSession: false }))).toEqual([
      '/oauth2/start?prompt=select_account&rd=%2Fa+b',
    ])
  })

  it('shows an address only once when it is also the name', () => {
    const page = deniedPage({ ...about, who: 'bob@example.com', email: 'bob@example.com' })
    expect(textOf(page).match(/bob@example\.com/g)).toHaveLength(1)
  })
})

describe('failurePage', () => {
  it.each([
    ['provider-declined', 403],
    ['provider-needs-you', 403],
    ['provider-error', 502],
    ['provider-unreachable', 503],
    ['other-organisation', 403],
    ['step-up-failed', 403],
    ['provider-misconfigured', 502],
    ['provider-starting', 503],
    ['clock', 502],
    ['login-cookie-missing', 400],
    ['login-expired', 400],
    ['login-used', 400],
    ['login-invalid', 400],
    ['login-loop', 500],
    ['login-limit', 429],
    ['store-unavailable', 503],
    ['desktop-unreachable', 503],
    ['desktop-refused', 502],
    ['desktop-busy', 503],
    ['desktop-broken', 502],
    ['not-found', 404],
    ['method-not-allowed', 405],
    ['bad-request', 400],
    ['cross-site', 403],
    ['internal', 500],
  ] as const)('answers %s with %i', (kind, status) => {
    expect(failurePage({ kind, requestId }).status).toBe(status)
  })

  it('has a different title for each kind, and shows the request id', () => {
    const shown = FAILURE_KINDS.map((kind) => failurePage({ kind, requestId }))
    expect(new Set(shown.map(titleOf)).size).toBe(FAILURE_KINDS.length)
    for (const page of shown) expect(page.html).toContain(`<code>${requestId}</code>`)
  })

  it.each(FAILURE_KINDS)('has the right link for %s', (kind) => {
    const target = {
      'sign-in': '/oauth2/start?rd=%2Fa',
      reauthenticate: '/oauth2/start?prompt=login&rd=%2Fa',
      'choose-account': '/oauth2/start?prompt=select_account&rd=%2Fa',
      'step-up': '/oauth2/start?step_up=1&rd=%2Fa',
      reload: '',
      desktop: '/',
    }[FAILURES[kind].next]
    expect(targetsOf(failurePage({ kind, requestId, returnTo: '/a' }))).toEqual([target])
  })

  it('returns to / when no path is known', () => {
    expect(targetsOf(failurePage({ kind: 'login-expired', requestId }))).toEqual([
      '/oauth2/start?rd=%2F',
    ])
  })

  it('tells programs and people when to try again', () => {
    const page = failurePage({ kind: 'login-limit', requestId, retryAfter: 41.2 })
    expect(page.headers['retry-after']).toBe('42')
    expect(textOf(page)).toContain('Try again in 42 seconds.')
    const unknown = failurePage({ kind: 'login-limit', requestId })
    expect(unknown.headers).not.toHaveProperty('retry-after')
    expect(textOf(unknown)).toContain('Try again in a moment.')
  })

  it('writes waiting times as people say them', () => {
    const textAfter = (retryAfter: number): string =>
      textOf(failurePage({ kind: 'login-limit', requestId, retryAfter }))
    expect(textAfter(0.2)).toContain('in 1 second.')
    expect(textAfter(200)).toContain('in 4 minutes.')
  })

  it('reloads itself every 10 seconds or slower when waiting can help', () => {
    const reloading = FAILURE_KINDS.filter(
      (kind) => failurePage({ kind, requestId }).headers['refresh'] !== undefined,
    )
    expect(reloading).toEqual(['store-unavailable', 'route-unreachable', 'desktop-busy'])
    const soon = failurePage({ kind: 'store-unavailable', requestId, retryAfter: 5 })
    expect(soon.headers).toMatchObject({ 'retry-after': '5', refresh: '10' })
    expect(textOf(soon)).toContain('This page tries again every 10 seconds.')
    const late = failurePage({ kind: 'store-unavailable', requestId, retryAfter: 30 })
    expect(late.headers).toMatchObject({ 'retry-after': '30', refresh: '30' })
  })

  it('waits for the desktop with a script, or by reloading in a browser without scripts', () => {
    const page = failurePage({ kind: 'desktop-unreachable', requestId, retryAfter: 5 })
    expect(page.headers['retry-after']).toBe('5')
    expect(page.html).toMatch(/<noscript\s*><meta http-equiv="refresh" content="10"/)
  })
})

describe('a value from outside', () => {
  const shown = [
    signInPage({ returnTo: EVIL }),
    signOutPage({ who: EVIL }),
    deniedPage({
      who: EVIL,
      email: `e${EVIL}`,
      requestId: EVIL,
      returnTo: EVIL,
      hasSession: true,
      reason: 'no-rule-matches',
    }),
    failurePage({ kind: 'internal', requestId: EVIL, returnTo: EVIL }),
    failurePage({ kind: 'provider-error', requestId: EVIL, returnTo: EVIL }),
  ]

  it('is escaped', () => {
    for (const page of shown) {
      expect(page.html).not.toContain('<script')
      expect(page.html).not.toContain("'x'")
    }
    expect(shown[1]?.html).toContain(
      '<bdi>&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;</bdi>',
    )
  })

  it('cannot reorder the text around it', () => {
    const page = deniedPage({
      who: 'Bob\u202eexe.\u2066\u200fx\u0000\n\u2028y',
      email: 'b\u061cob@example.com',
      requestId,
      returnTo: '/',
      hasSession: true,
      reason: 'no-rule-matches',
    })
    expect(page.html).toContain('<bdi>Bobexe.xy</bdi>')
    expect(page.html).toContain('<bdi>bob@example.com</bdi>')
  })

  it('keeps a name in any script unchanged', () => {
    expect(signOutPage({ who: 'רות כהן 👩‍💻' }).html).toContain('<bdi>רות כהן 👩‍💻</bdi>')
  })

  it('is cut when it is longer than any name', () => {
    expect(signOutPage({ who: '🙂'.repeat(5_000) }).html).toContain(
      `<bdi>${'🙂'.repeat(120)}…</bdi>`,
    )
  })
})
