import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/api/audit'
import { modelsKey } from '../../src/api/models'
import AuditPage from '../../src/settings/audit-page'
import { filtersOf, readAuditView } from '../../src/settings/audit-view'
import { aModel, renderPage } from '../make'
import { server } from '../server'
import { anEvent, aUser, refuse, serve } from './make'

let events: AuditEvent[]
let pagination: Record<string, number>
/** The queries of the requests. */
let asked: Record<string, string>[]

beforeEach(() => {
  events = [anEvent()]
  pagination = { total: 1, total_pages: 1 }
  asked = []
  serve({ users: [aUser()] })
  server.use(
    http.get('*/api/audit', ({ request }) => {
      asked.push(Object.fromEntries(new URL(request.url).searchParams))
      return HttpResponse.json(events, { headers: { 'X-Pagination': JSON.stringify(pagination) } })
    }),
  )
})

function open(search = '') {
  history.replaceState(null, '', `/settings/audit${search}`)
  return renderPage(<AuditPage />)
}

const cellsOf = async (index: number) => {
  const [, ...rows] = await screen.findAllByRole('row')
  return within(rows[index] as HTMLElement)
    .getAllByRole('cell')
    .map((cell) => cell.textContent)
}

describe('the table', () => {
  it('says when, who, what, which model, from where, and how', async () => {
    events = [
      anEvent({
        at: '2026-11-21T09:14:03',
        details: { hf_repo: 'a/b', api_key: 'set', default: true, name: 'Qwen' },
      }),
      anEvent({ id: 8, action: 'token.created', token: 'CI (wb_aB3x…)', role: 'operator', modelId: null }),
      anEvent({ id: 7, action: 'auth.sign_in_refused', actor: 'mallory', role: null, address: null }),
    ]
    open()
    expect(await cellsOf(0)).toEqual([
      '21 Nov 2026, 09:14',
      'adaAdmin',
      'Created model',
      'Qwen3 0.6B',
      '10.0.0.7',
      'name: Qwen · hf repo: a/b · api key: set · default: yes',
    ])
    expect((await cellsOf(1)).slice(1, 4)).toEqual(['adaOperator, by CI (wb_aB3x…)', 'Created token', '–'])
    expect((await cellsOf(2)).slice(1, 3)).toEqual(['malloryNot signed in', 'Sign-in refused'])
    expect((await cellsOf(2))[4]).toBe('–')
    expect(screen.getByText('1 event')).toBeVisible()
  })

  it('links a model as long as it is there', async () => {
    events = [anEvent(), anEvent({ id: 8, modelId: 99, modelName: 'Gone' })]
    const { queries } = open()
    queries.setQueryData(modelsKey, [aModel({ id: 7 })])
    expect(await screen.findByRole('link', { name: 'Qwen3 0.6B' })).toHaveAttribute('href', '/models?info=7')
    expect(screen.getByText('Gone')).toBeVisible()
    expect(screen.queryByRole('link', { name: 'Gone' })).toBeNull()
  })

  it('shortens details and opens them', async () => {
    events = [
      anEvent({ details: { name: 'x', expires_at: '2026-12-01T10:00:00Z', tags: ['a', 'b'], note: null } }),
    ]
    open()
    const show = await screen.findByRole('button', { name: 'Show details of “Created model” by ada' })
    expect(show).toHaveAttribute('aria-expanded', 'false')
    await userEvent.click(show)
    const facts = screen
      .getAllByRole('term')
      .map((term) => `${term.textContent}: ${term.nextSibling?.textContent}`)
    expect(facts).toEqual([
      'time: 2026-11-21T09:14:03Z',
      'from: 10.0.0.7',
      'name: x',
      expect.stringMatching(/^expires at: \d+ Dec 2026, \d\d:00$/),
      'tags: a, b',
      'note: none',
      'request: r-17',
    ])
    await userEvent.click(screen.getByRole('button', { name: 'Hide details of “Created model” by ada' }))
    expect(screen.queryByRole('term')).toBeNull()
  })
})

describe('the filters', () => {
  it('stand in the address and are sent', async () => {
    open()
    await screen.findByText('1 event')
    await userEvent.type(screen.getByRole('searchbox', { name: 'Search the audit log' }), 'qwen')
    await userEvent.selectOptions(screen.getByLabelText('What'), 'Deleted model')
    await userEvent.type(screen.getByLabelText('Who'), 'ada')
    await userEvent.type(screen.getByLabelText('From'), '2026-11-01')
    await userEvent.type(screen.getByLabelText('To'), '2026-11-30')
    expect(location.search).toBe('?q=qwen&action=model.deleted&actor=ada&since=2026-11-01&until=2026-11-30')
    const wanted = {
      q: 'qwen',
      action: 'model.deleted',
      actor: 'ada',
      since: new Date('2026-11-01T00:00').toISOString(),
      until: new Date('2026-12-01T00:00').toISOString(),
    }
    await waitFor(() => expect(asked.at(-1)).toEqual({ ...wanted, page: '1', pageSize: '50' }))
    for (const format of ['csv', 'json']) {
      const link = screen.getByRole<HTMLAnchorElement>('link', { name: `Export ${format.toUpperCase()}` })
      const { pathname, searchParams } = new URL(link.href)
      expect(pathname).toBe('/api/audit')
      expect(Object.fromEntries(searchParams)).toEqual({ ...wanted, format })
    }
    await userEvent.click(screen.getByRole('button', { name: 'Clear filters' }))
    expect(location.search).toBe('')
    expect(screen.getByRole('searchbox')).toHaveValue('')
  })

  it('are those of the link that was opened, and what it has wrong is left out', async () => {
    open('?actor=ada&action=no.such&since=2026-99-01&until=soon&page=-2')
    await screen.findByText('1 event')
    expect(asked).toEqual([{ actor: 'ada', page: '1', pageSize: '50' }])
    expect(screen.getByLabelText('Who')).toHaveValue('ada')
    expect(screen.getByLabelText('What')).toHaveDisplayValue('Anything')
  })

  it('ask once the keys rest', async () => {
    open()
    await screen.findByText('1 event')
    await userEvent.type(screen.getByRole('searchbox'), 'mallory')
    await waitFor(() => expect(asked.at(-1)?.q).toBe('mallory'))
    expect(asked).toHaveLength(2)
  })

  it('say so when nothing matches, and go', async () => {
    events = []
    pagination = { total: 0, total_pages: 0 }
    open('?actor=nobody')
    expect(await screen.findByText('Nothing matches')).toBeVisible()
    const [, clear] = screen.getAllByRole('button', { name: 'Clear filters' })
    await userEvent.click(clear as HTMLElement)
    expect(location.search).toBe('')
    expect(await screen.findByText('Nothing has happened yet')).toBeVisible()
  })
})

describe('the pages', () => {
  beforeEach(() => {
    pagination = { total: 104, total_pages: 3 }
  })

  it('are turned, and another filter begins at the first', async () => {
    open()
    expect(await screen.findByText('Page 1 of 3')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Newer' }))
    expect(location.search).toBe('')
    await userEvent.click(screen.getByRole('button', { name: 'Older' }))
    expect(location.search).toBe('?page=2')
    expect(await screen.findByText('Page 2 of 3')).toBeVisible()
    expect(asked.at(-1)?.page).toBe('2')
    await userEvent.selectOptions(screen.getByLabelText('What'), 'Signed in')
    expect(location.search).toBe('?action=auth.signed_in')
  })

  it('say that one is not there', async () => {
    events = []
    open('?page=9')
    expect(await screen.findByText('There is no page 9.')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'First page' }))
    expect(location.search).toBe('')
  })
})

it('looks again', async () => {
  open()
  await screen.findByText('1 event')
  pagination.total = 2
  await userEvent.click(screen.getByRole('button', { name: 'Look again' }))
  expect(await screen.findByText('2 events')).toBeVisible()
})

it('says that the log did not load, and tries again', async () => {
  server.use(
    http.get('*/api/audit', refuse(503, { detail: 'The database does not answer.' }), { once: true }),
  )
  open()
  expect(await screen.findByText('The audit log did not load')).toBeVisible()
  expect(screen.getByRole('alert')).toHaveTextContent('The database does not answer.')
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
  expect(await screen.findByText('1 event')).toBeVisible()
})

it('takes a day up to its end', () => {
  const view = readAuditView(new URLSearchParams('since=2026-11-21&until=2026-11-21'))
  const { since = '', until = '' } = filtersOf(view)
  expect(new Date(since)).toEqual(new Date(2026, 10, 21))
  expect(new Date(until)).toEqual(new Date(2026, 10, 22))
})
