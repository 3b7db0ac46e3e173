/** The audit log: who did what to which model, when and from where. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answered, client, type Schemas } from './client'
import type { paths } from './schema'

type AuditQuery = NonNullable<paths['/api/audit']['get']['parameters']['query']>

export type AuditEvent = Schemas['AuditEvent']
export type AuditAction = NonNullable<AuditQuery['action']>
/** `since` and `until` are instants; `q` is part of a name, model, address or token. */
export type AuditFilters = Pick<AuditQuery, 'action' | 'actor' | 'since' | 'until' | 'q'>
/** A page of the events, how many match in all, and on how many pages. */
export type AuditPage = { events: AuditEvent[]; total: number; pages: number }

const PAGE_SIZE = 50

/** The newest first. What was shown stays until the answer to a change is there. */
export const auditQuery = (filters: AuditFilters, page: number) =>
  queryOptions({
    queryKey: ['audit', filters, page],
    queryFn: async ({ signal }): Promise<AuditPage> => {
      const query = { ...filters, page, pageSize: PAGE_SIZE }
      const { data, response } = await answered(client.GET('/api/audit', { params: { query }, signal }))
      const { total = 0, total_pages: pages = 0 } = JSON.parse(response.headers.get('X-Pagination') ?? '{}')
      // A text only where `format` asks for a file.
      return { events: Array.isArray(data) ? data : [], total, pages }
    },
    placeholderData: keepPreviousData,
  })

/** Where all that match, on every page, come from as one file. */
export const auditFile = (filters: AuditFilters, format: 'csv' | 'json'): string =>
  `/api/audit?${new URLSearchParams({ ...filters, format })}`
