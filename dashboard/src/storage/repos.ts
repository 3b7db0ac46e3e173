/** Which repositories are listed and in which order: pure, and the same words in the address. */
import { useMemo } from 'react'
import { navigate, useSearch } from 'wouter/use-browser-location'
import type { CachedRepo } from '../api/cache'

export const SORT_KEYS = ['repo', 'size', 'managed', 'revisions', 'used'] as const
export type SortKey = (typeof SORT_KEYS)[number]
export type Sort = { key: SortKey; descending: boolean }

export type RepoView = { q: string; sort: Sort }

const FIRST_SORT: Sort = { key: 'size', descending: true }

/** What an address asks for; what it does not know is as at first. */
export function readRepoView(params: URLSearchParams): RepoView {
  const text = params.get('sort') ?? ''
  const key = SORT_KEYS.find((one) => one === text.replace(/^-/, ''))
  return { q: params.get('q') ?? '', sort: key ? { key, descending: text.startsWith('-') } : FIRST_SORT }
}

export function useRepoView(): RepoView {
  const text = useSearch()
  return useMemo(() => readRepoView(new URLSearchParams(text)), [text])
}

export function changeRepoView(change: Partial<RepoView>): void {
  const params = new URLSearchParams(location.search)
  const { q, sort } = { ...readRepoView(params), ...change }
  params.delete('q')
  params.delete('sort')
  if (q) params.set('q', q)
  if (sort.key !== FIRST_SORT.key || !sort.descending)
    params.set('sort', sort.descending ? `-${sort.key}` : sort.key)
  const text = params.toString()
  navigate(location.pathname + (text && `?${text}`), { replace: true })
}

const { compare } = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

const VALUES: Record<SortKey, (repo: CachedRepo) => string | number | null> = {
  repo: ({ repo }) => repo,
  size: ({ sizeBytes }) => sizeBytes,
  managed: ({ managedBytes }) => managedBytes,
  revisions: ({ revisions }) => revisions.length,
  used: ({ lastUsedAt }) => (lastUsedAt ? Date.parse(lastUsedAt) : null),
}

/** What is listed: every word of the search is in the repository's name or in that of a model that uses it. */
export function listedRepos(repos: readonly CachedRepo[], { q, sort }: RepoView): CachedRepo[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const valueOf = VALUES[sort.key]
  const sign = sort.descending ? -1 : 1
  return repos
    .filter(({ repo, models }) => {
      const text = [repo, ...models.map(({ name }) => name)].join(' ').toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .toSorted((a, b) => {
      const [one, other] = [valueOf(a), valueOf(b)]
      // What was never used stands last both ways.
      if (one === null || other === null)
        return one === other ? compare(a.repo, b.repo) : one === null ? 1 : -1
      const order = typeof one === 'number' ? one - Number(other) : compare(one, String(other))
      return order ? sign * order : compare(a.repo, b.repo)
    })
}
