/** Overlays live in the address, so that each has a link of its own and the browser's Back closes it. */
import { useSearch } from 'wouter'
import { navigate } from 'wouter/use-browser-location'

export type Overlay =
  | { kind: 'queue' }
  | { kind: 'keys' }
  | { kind: 'info'; id: number }
  | { kind: 'delete'; id: number }
  | { kind: 'entry'; id: string }
  | null

const KEYS = ['panel', 'info', 'delete', 'entry']

/** What the address says is open. */
export function overlayOf(params: URLSearchParams): Overlay {
  const doomed = idOf(params.get('delete'))
  if (doomed) return { kind: 'delete', id: doomed }
  const shown = idOf(params.get('info'))
  if (shown) return { kind: 'info', id: shown }
  const entry = params.get('entry')
  if (entry) return { kind: 'entry', id: entry }
  if (params.get('panel') === 'queue') return { kind: 'queue' }
  if (params.get('panel') === 'keys') return { kind: 'keys' }
  return null
}

function idOf(text: string | null): number | null {
  return text && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null
}

/** What is open now. */
export function useOverlay(): Overlay {
  return overlayOf(new URLSearchParams(useSearch()))
}

// Plain functions, so that a row can hand them on without ever being drawn anew.
export const openQueue = () => show('panel', 'queue')
export const openKeys = () => show('panel', 'keys')
export const openInfo = (id: number) => show('info', String(id))
export const openDelete = (id: number) => show('delete', String(id))
/** An entry of the catalog that is not registered. */
export const openEntry = (id: string) => show('entry', id)

/** Close whatever is open; the page behind it stays as it is. */
export function closeOverlay(): void {
  go(without(), { replace: true })
}

/** The address with one overlay open, for a link. */
export function queueLink(): string {
  return '/models?panel=queue'
}

function show(key: string, value: string): void {
  const params = without()
  params.set(key, value)
  go(params)
}

function without(): URLSearchParams {
  const params = new URLSearchParams(location.search)
  for (const key of KEYS) params.delete(key)
  return params
}

function go(params: URLSearchParams, options?: { replace: boolean }): void {
  const text = params.toString()
  navigate(location.pathname + (text && `?${text}`), options)
}
