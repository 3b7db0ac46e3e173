/** Where a fullscreen page leads back to: the page before it, with its filters and the drawer that was open. */
import { useEffect } from 'react'
import { useLocation, useSearch } from 'wouter'

const FULLSCREEN = /^\/models\/(new|\d+\/edit)$/

let last = '/models'

/** Remembers the last page that is not fullscreen; a component of its own, so that the page is not drawn anew. */
export function RememberPage() {
  const [path] = useLocation()
  const search = useSearch()
  useEffect(() => {
    if (!FULLSCREEN.test(path)) last = path + (search && `?${search}`)
  }, [path, search])
  return null
}

/** The address to go back to. */
export const wayBack = (): string => last
