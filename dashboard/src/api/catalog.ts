/** The curated models, and which of them are featured. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { body, client, type Schemas } from './client'
import type { Operation } from './downloads'
import { type Health, healthQuery } from './health'

export type CatalogLinks = Schemas['CatalogLinks']
/** One curated model; what does not apply to its category is null. */
export type CatalogEntry = Schemas['CatalogEntry']
export type CatalogCategory = CatalogEntry['category']
/** One featured model; `id` is the one of its catalog entry. */
export type FeaturedModel = Schemas['FeaturedModel']
export type Featured = Schemas['Featured']

const MINUTES = 60_000

/** Every curated model. How each stands now is the register's to say, which the stream keeps true. */
export const catalogQuery = queryOptions({
  queryKey: ['catalog'],
  queryFn: ({ signal }) => body(client.GET('/api/catalog', { signal })),
  staleTime: 5 * MINUTES,
})

/** The few that are worth a look. */
export const featuredQuery = queryOptions({
  queryKey: ['featured-models'],
  queryFn: ({ signal }) => body(client.GET('/api/featured-models', { signal })),
  staleTime: 5 * MINUTES,
})

/** Fetch a curated model; it is registered if need be. */
export const requestCurated = (catalogId: string): Promise<Operation> =>
  body(client.POST('/api/downloads', { body: { catalogId } }))

/** Whether this installation downloads curated models only. */
export function useCatalogOnly(): boolean {
  const { data = false } = useQuery({ ...healthQuery, select: isCatalogOnly })
  return data
}

const isCatalogOnly = (health: Health): boolean => health.catalogOnly
