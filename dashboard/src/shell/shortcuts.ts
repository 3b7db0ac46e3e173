/** Keys that work wherever nobody is typing. */
import { useEffect } from 'react'
import { useLocation } from 'wouter'
import { type Role, useMay } from '../api/auth'
import { openKeys, openQueue } from '../lib/overlay'

/** `needs`: the role without which the key does nothing. */
type Shortcut = { keys: readonly string[]; what: string; needs?: Role }

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ['/'], what: 'Search models' },
  { keys: ['n'], what: 'New model', needs: 'admin' },
  { keys: ['q'], what: 'Download queue' },
  { keys: ['Esc'], what: 'Close what is open' },
  { keys: ['↑', '↓'], what: 'Move in menus and lists' },
  { keys: ['?'], what: 'This list' },
]

/** The id of the search input that `/` goes to. */
export const SEARCH_ID = 'search-models'

export function useShortcuts(): void {
  const [, navigate] = useLocation()
  const mayCreate = useMay()('admin')
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isBusy(event.target))
        return
      const search = document.getElementById(SEARCH_ID)
      if (event.key === '/' && search) search.focus()
      else if (event.key === 'n' && mayCreate) navigate('/models/new')
      else if (event.key === 'q') openQueue()
      else if (event.key === '?') openKeys()
      else return
      event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [navigate, mayCreate])
}

/** What has the keyboard; a toast calls itself a dialog too, but one that leaves the page to us. */
const OVERLAYS = ['dialog', 'alertdialog'].map((role) => `[role=${role}]:not([aria-modal=false])`).join()

/** Somebody types, or an overlay is open. */
function isBusy(target: EventTarget | null): boolean {
  const element = target instanceof Element ? target : null
  return Boolean(
    element?.closest(
      'input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], [role=menu]',
    ) || document.querySelector(OVERLAYS),
  )
}
