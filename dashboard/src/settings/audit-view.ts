/** Which events the page shows: it stands in the address, so that a link shows the same. */
import { useMemo } from 'react'
import { navigate, useSearch } from 'wouter/use-browser-location'
import type { AuditAction, AuditFilters } from '../api/audit'
import { ACTION_WORDS } from './audit-words'

/** `since` and `until` are days, both meant whole. */
export type AuditView = {
  q: string
  action: AuditAction | ''
  actor: string
  since: string
  until: string
  page: number
}

export const NO_FILTERS = { q: '', action: '', actor: '', since: '', until: '' } as const

const FILTERS = Object.keys(NO_FILTERS) as (keyof typeof NO_FILTERS)[]

/** What an address asks for; what it does not know is as without a filter. */
export function readAuditView(params: URLSearchParams): AuditView {
  const text = (name: string) => params.get(name) ?? ''
  return {
    q: text('q'),
    action: Object.hasOwn(ACTION_WORDS, text('action')) ? (text('action') as AuditAction) : '',
    actor: text('actor'),
    since: isDay(text('since')) ? text('since') : '',
    until: isDay(text('until')) ? text('until') : '',
    page: /^[1-9]\d{0,5}$/.test(text('page')) ? Number(text('page')) : 1,
  }
}

export function useAuditView(): AuditView {
  const text = useSearch()
  return useMemo(() => readAuditView(new URLSearchParams(text)), [text])
}

/** Another filter begins on its first page; pages are steps that the browser's Back takes back. */
export function changeAuditView(change: Partial<AuditView>): void {
  const params = new URLSearchParams(location.search)
  const view = { ...readAuditView(params), page: 1, ...change }
  for (const name of FILTERS) {
    params.delete(name)
    if (view[name]) params.set(name, view[name])
  }
  params.delete('page')
  if (view.page > 1) params.set('page', String(view.page))
  const text = params.toString()
  navigate(location.pathname + (text && `?${text}`), { replace: !change.page })
}

export const filtersSet = (view: AuditView): number => FILTERS.filter((name) => view[name].trim()).length

/** The same as the API says it: days become instants, the last one up to its end. */
export function filtersOf(view: AuditView): AuditFilters {
  const [q, actor] = [view.q.trim(), view.actor.trim()]
  return {
    ...(q && { q }),
    ...(view.action && { action: view.action }),
    ...(actor && { actor }),
    ...(view.since && { since: startOf(view.since, 0) }),
    ...(view.until && { until: startOf(view.until, 1) }),
  }
}

/** Midnight of a day, or of one later, where the reader is. */
function startOf(day: string, later: number): string {
  const at = new Date(`${day}T00:00`)
  at.setDate(at.getDate() + later)
  return at.toISOString()
}

const isDay = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00`))
