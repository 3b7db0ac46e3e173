/** What the page shows of the register stands in the address, and is kept for the next visit. */
import { useEffect, useMemo } from 'react'
import { navigate, useSearch } from 'wouter/use-browser-location'
import { keep, kept } from '../lib/keep'
import { type Group, NO_FILTERS, readView, type View, viewPart, writeView } from './filters'

const KEY = 'models-view'

/** The view of the address; where that says nothing, the one of the last visit, which then goes into the address. */
export function useView(): View {
  const said = viewPart(new URLSearchParams(useSearch()))
  const text = said || remembered()
  useEffect(() => {
    if (!said && text) goTo(readView(new URLSearchParams(text)))
  }, [said, text])
  return useMemo(() => readView(new URLSearchParams(text)), [text])
}

/** Change some of it. A plain function: it never makes a row be drawn anew. */
export function changeView(change: Partial<View>): void {
  const said = viewPart(new URLSearchParams(location.search))
  const view = { ...readView(new URLSearchParams(said || remembered())), ...change }
  keep(KEY, viewPart(writeView(view, new URLSearchParams())) || null)
  goTo(view)
}

/** Tick or untick one value of a group. */
export function toggle(group: Group, chosen: readonly string[], value: string): void {
  changeView({
    [group]: chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value],
  })
}

/** Forget search and filters; the kind, the order and the view stay. */
export const clearFilters = (): void => changeView(NO_FILTERS)

const remembered = (): string => kept<string>(KEY) ?? ''

function goTo(view: View): void {
  const text = writeView(view, new URLSearchParams(location.search)).toString()
  navigate(location.pathname + (text && `?${text}`), { replace: true })
}
