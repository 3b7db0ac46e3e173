/** Parts of the page that are fetched when they are needed. */
import { lazy } from 'react'

/** Milliseconds between two tries, and their number: the server may just be starting anew. */
const PAUSE = 1000
const TRIES = 30

/** React's `lazy`, but patient: that one keeps a failure for good, and the whole page would have to be loaded anew. */
export const lazily: typeof lazy = (load) => lazy(() => patiently(load))

async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      const part = await load()
      if (tries > 1) fetchStylesAnew()
      return part
    } catch (error) {
      if (tries === TRIES) throw error
      await new Promise((done) => setTimeout(done, PAUSE))
    }
  }
}

/** Links to styles that did not come: the code of a part asks for its styles once only. */
const missing = new Set<HTMLLinkElement>()
addEventListener('error', ({ target }) => target instanceof HTMLLinkElement && missing.add(target), true)

function fetchStylesAnew(): void {
  for (const link of missing) link.replaceWith(link.cloneNode())
  missing.clear()
}
