/** What the page shows of the catalog: pure, and the same words in the address. */
import { useMemo } from 'react'
import { navigate, useSearch } from 'wouter/use-browser-location'
import type { CatalogEntry } from '../api/catalog'
import { CATEGORY_NAMES } from '../models/facts'
import type { FindModel } from './entry-models'

export const TABS = ['featured', 'embedding', 'llm', 'reranker', 'splade'] as const
export type Tab = (typeof TABS)[number]
export const TAB_NAMES: Record<Tab, string> = { featured: 'Featured', ...CATEGORY_NAMES }

export const SHOWN = ['all', 'installed', 'available'] as const
export type Shown = (typeof SHOWN)[number]

export type View = { tab: Tab; q: string; shown: Shown }

/** The view that an address tells of; what it does not know is as at first. */
export function readView(params: URLSearchParams): View {
  return {
    tab: TABS.find((tab) => tab === params.get('tab')) ?? 'featured',
    q: params.get('q') ?? '',
    shown: SHOWN.find((shown) => shown === params.get('show')) ?? 'all',
  }
}

export function useView(): View {
  const text = useSearch()
  return useMemo(() => readView(new URLSearchParams(text)), [text])
}

/** Change some of it; what is as at first is not written. */
export function changeView(change: Partial<View>): void {
  const params = new URLSearchParams(location.search)
  const { tab, q, shown } = { ...readView(params), ...change }
  for (const [name, value, first] of [
    ['tab', tab, 'featured'],
    ['q', q, ''],
    ['show', shown, 'all'],
  ] as const) {
    if (value === first) params.delete(name)
    else params.set(name, value)
  }
  const text = params.toString()
  navigate(location.pathname + (text && `?${text}`), { replace: true })
}

export const isFiltered = ({ q, shown }: View): boolean => q.trim() !== '' || shown !== 'all'

/** The entries that search and filter leave, of all tabs: every word of the search, wherever it stands. */
export function matching(
  entries: readonly CatalogEntry[],
  { q, shown }: View,
  findModel: FindModel,
): CatalogEntry[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  return entries.filter((entry) => {
    const isInstalled = findModel(entry)?.downloaded === true
    if (shown !== 'all' && isInstalled !== (shown === 'installed')) return false
    const text = textOf(entry)
    return words.every((word) => text.includes(word))
  })
}

const textOf = (entry: CatalogEntry): string =>
  [entry.name, entry.description, entry.repo, entry.filename, entry.license, ...entry.tags]
    .join(' ')
    .toLowerCase()

/** Those of one tab; the featured ones in the order of their list, of which `featured` has the ids. */
export function inTab(
  entries: readonly CatalogEntry[],
  tab: Tab,
  featured: readonly string[],
): CatalogEntry[] {
  if (tab !== 'featured') return entries.filter(({ category }) => category === tab)
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  return featured.flatMap((id) => byId.get(id) ?? [])
}

/** How many each tab has. */
export function tabCounts(
  entries: readonly CatalogEntry[],
  featured: readonly string[],
): Record<Tab, number> {
  const counts = { featured: 0, embedding: 0, llm: 0, reranker: 0, splade: 0 }
  for (const tab of TABS) counts[tab] = inTab(entries, tab, featured).length
  return counts
}
