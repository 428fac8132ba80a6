// What the page does that waits for the desktop: it asks whether it is there, and enters by loading itself again. It stands
// in the page, where the policy allows it by its hash (page-layout.ts).

/**
 * Asked every two seconds or so, each page at moments of its own. A page that was itself loaded again, perhaps by this very
 * script, takes longer for its first look: a desktop that lets itself be connected to and then fails must not make it flicker.
 * A session that ended meanwhile (401) and a desktop that turns the gateway away have pages of their own.
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
