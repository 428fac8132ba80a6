// The script of the page that waits for the desktop. It asks for the desktop's state and reloads the page when the desktop
// answers. It is part of the page; the policy allows it by its hash (page-layout.ts).

/**
 * Asks about every two seconds, with a random delay so that many pages do not ask at the same moment. After a reload the
 * first request waits longer: when the desktop accepts connections and then fails, the page must not reload rapidly. When
 * the session ended meanwhile (401) or the desktop refuses the gateway, a reload shows the page for that.
 */
export const WAITING_SCRIPT: string = `
(() => {
  const wasReloaded = performance.getEntriesByType('navigation')[0]?.type === 'reload'
  const askIn = (ms) => setTimeout(ask, ms + Math.random() * 500)
  const isOver = async () => {
    const answer = await fetch('/oauth2/desktop_status', { cache: 'no-store' })
    if (answer.status === 401) return true
    return answer.ok && (await answer.json()).state !== 'starting'
  }
  const ask = () =>
    isOver()
      .catch(() => false)
      .then((over) => (over ? location.reload() : askIn(2000)))
  askIn(wasReloaded ? 5000 : 1000)
})()
`
