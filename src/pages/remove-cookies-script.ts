// The script of the page for a browser whose cookies are too many. It is part of the page; the policy allows it by its hash
// (page-layout.ts).

/**
 * Removes the cookies that scripts can read, then reloads the page if there were any. The session's cookie is HttpOnly, so it stays. A cookie is
 * removed only with the path and the domain that it was set with (RFC 6265, section 5.3, step 11), and a script cannot read
 * those: the script tries each path above this one, and each domain that this host may set cookies for.
 */
export const REMOVE_COOKIES_SCRIPT: string = `
(() => {
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  const parts = location.pathname.split('/').slice(1)
  const paths = ['/', ...parts.flatMap((_, i) => {
    const path = '/' + parts.slice(0, i + 1).join('/')
    return [path, path + '/']
  })]
  const labels = location.hostname.split('.')
  const domains = ['', ...labels.map((_, i) => '; Domain=' + labels.slice(i).join('.'))]
  document.querySelector('button').addEventListener('click', () => {
    const before = document.cookie
    for (const pair of before.split('; ')) {
      const name = pair.slice(0, Math.max(0, pair.indexOf('=')))
      for (const path of paths)
        for (const domain of domains)
          document.cookie = name + '=; Max-Age=0; Path=' + path + domain + secure
    }
    if (document.cookie !== before) location.reload()
  })
})()
`
