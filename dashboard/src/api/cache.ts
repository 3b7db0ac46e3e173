/** What lies in the cache, whoever put it there, and what of it could go. */
import { queryOptions } from '@tanstack/react-query'
import { allPages, body, client, type Schemas } from './client'

/** A commit of a repository that lies on the disk. */
export type CachedRevision = Schemas['CachedRevision']
export type CachedRepo = Schemas['CachedRepo']
export type CleanUpItem = Schemas['PlanItem']
export type CleanUpKind = CleanUpItem['kind']
export type CleanUpPlan = Schemas['Plan']
export type Adopt = Schemas['Adopt']

const PAGE_SIZE = 500

export const cacheKey = ['cache'] as const

/** Every repository of the cache, the largest first. */
export const reposQuery = queryOptions({
  queryKey: [...cacheKey, 'repos'],
  queryFn: ({ signal }) =>
    allPages((page) =>
      client.GET('/api/cache/repos', { params: { query: { page, pageSize: PAGE_SIZE } }, signal }),
    ),
  staleTime: Infinity,
})

/** What could go: half files, old revisions, and what nobody has used for so many days. */
export const cleanUpQuery = (unusedDays: number) =>
  queryOptions({
    queryKey: [...cacheKey, 'clean-up', unusedDays],
    queryFn: ({ signal }) =>
      body(client.GET('/api/cache/clean-up', { params: { query: { unusedDays } }, signal })),
    staleTime: Infinity,
  })

/** The clean-up that was asked for last, here or elsewhere; null: there was none. */
export const lastCleanUpQuery = queryOptions({
  queryKey: [...cacheKey, 'last clean-up'],
  queryFn: async ({ signal }) => {
    const query = { kind: 'clean-up', pageSize: 1 } as const
    const [last = null] = await body(client.GET('/api/operations', { params: { query }, signal }))
    return last
  },
  staleTime: Infinity,
})

/** Carry out what a plan names, once a person has agreed to each of it: one operation for each volume, the last one is told. */
export async function cleanUp(items: readonly CleanUpItem[], unusedDays: number) {
  const ask = (ids: string[]) =>
    body(client.POST('/api/cache/clean-up', { body: { items: ids, unusedDays, confirm: true } }))
  const [first, ...others] = [...new Set(items.map(({ volume }) => volume))].map((wanted) =>
    items.filter(({ volume }) => volume === wanted).map(({ id }) => id),
  )
  // One after the other: where one is refused, the others wait for a new plan.
  return others.reduce(async (last, more) => (await last, ask(more)), ask(first ?? []))
}

/** Remove a repository that no model uses, once a person has agreed. */
export const deleteRepo = ({ repo, volume }: CachedRepo) =>
  body(client.DELETE('/api/cache/repos', { params: { query: { repo, volume, confirm: true } } }))

/** What tells the repositories of all volumes apart: no repository has a space in its name. */
export const keyOfRepo = ({ repo, volume }: CachedRepo): string => `${repo} ${volume}`

/** Make a model of what lies here already. */
export const adoptRepo = (what: Adopt) => body(client.POST('/api/cache/adopt', { body: what }))
