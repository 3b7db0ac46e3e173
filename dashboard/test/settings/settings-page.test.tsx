import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { meQuery } from '../../src/api/auth'
import type { Health } from '../../src/api/health'
import { modelsKey } from '../../src/api/models'
import SettingsPage from '../../src/settings/settings-page'
import { aHub, aModel, renderPage } from '../make'
import { server } from '../server'
import { ADMIN as ME, aToken, aUser, OPERATOR, serve, VIEWER } from './make'

let health: Health

beforeEach(() => {
  health = {
    status: 'ok',
    version: '1.2.3',
    catalogOnly: false,
    database: { status: 'ok' },
    redis: { status: 'ok' },
    machines: [],
    workers: {
      status: 'ok',
      queues: [
        { queue: 'downloads', workers: 2 },
        { queue: 'control', workers: 1 },
      ],
    },
    hub: aHub(),
  }
  server.use(http.get('*/api/health', () => HttpResponse.json(health)))
  serve({ users: [aUser()], tokens: [aToken()] })
})

const about = () => screen.findByRole('region', { name: 'About' })
/** The words of About, line by line. */
const lineOf = async (name: string) =>
  within(await about())
    .getByText(name)
    .closest('div')?.parentElement?.parentElement

describe('the theme', () => {
  it('is chosen at once, by mouse or arrows', async () => {
    renderPage(<SettingsPage me={ME} />)
    const choice = screen.getByRole('radiogroup', { name: 'Theme' })
    expect(within(choice).getByRole('radio', { name: 'System' })).toBeChecked()
    await userEvent.click(within(choice).getByRole('radio', { name: 'Dark' }))
    expect(document.documentElement.dataset.theme).toBe('dark')
    await userEvent.click(within(choice).getByRole('radio', { name: 'System' }))
    expect(document.documentElement.dataset.theme).toBeUndefined()
  })
})

const featured = () => screen.getByRole('switch', { name: /^Featured models/ })

describe('the featured models', () => {
  it('are switched off and on', async () => {
    renderPage(<SettingsPage me={ME} />)
    expect(featured()).toBeChecked()
    await userEvent.click(featured())
    expect(featured()).not.toBeChecked()
    expect(localStorage.getItem('weighbridge-featured')).toBe('"off"')
    await userEvent.click(featured())
    expect(featured()).toBeChecked()
    expect(localStorage.getItem('weighbridge-featured')).toBeNull()
  })

  it('that were dismissed come back at once', async () => {
    localStorage.setItem('weighbridge-featured', '"2026-11-19T08:00:00+00:00"')
    renderPage(<SettingsPage me={ME} />)
    expect(screen.getByText('Dismissed until there are new ones.')).toBeVisible()
    expect(featured()).not.toBeChecked()
    await userEvent.click(featured())
    expect(localStorage.getItem('weighbridge-featured')).toBeNull()
  })
})

describe('the session', () => {
  it('says who is signed in and until when', () => {
    renderPage(<SettingsPage me={ME} />)
    expect(screen.getByText('Signed in as ada')).toBeVisible()
    expect(screen.getByText('The session ends on 28 Nov 2026, 09:14.')).toBeVisible()
  })

  it('says so where there is none', () => {
    renderPage(<SettingsPage me={{ ...ME, via: 'token', csrfToken: null, expiresAt: null }} />)
    expect(screen.getByText('There is no session: the token itself is sent.')).toBeVisible()
  })

  it.each([
    [VIEWER, 'Viewer', 'Sees models, downloads and storage.'],
    [OPERATOR, 'Operator', 'Also starts, cancels and retries downloads.'],
    [ME, 'Admin', 'May do everything: models, users, the audit log.'],
  ])('says what one may do', (me, name, hint) => {
    renderPage(<SettingsPage me={me} />)
    const account = within(screen.getByRole('region', { name: 'Your account' }))
    expect(account.getByText(name)).toBeVisible()
    expect(account.getByText(hint)).toBeVisible()
  })

  it('offers another password only to who has one', () => {
    const { unmount } = renderPage(<SettingsPage me={ME} />)
    expect(screen.getByRole('button', { name: 'Change password' })).toBeVisible()
    unmount()
    renderPage(<SettingsPage me={{ ...ME, hasPassword: false }} />)
    expect(screen.queryByRole('button', { name: 'Change password' })).toBeNull()
  })

  it('ends with one click, and what was read in it is forgotten', async () => {
    server.use(http.post('*/api/auth/logout', () => new HttpResponse(null, { status: 204 })))
    const { queries } = renderPage(<SettingsPage me={ME} />)
    queries.setQueryData(meQuery.queryKey, ME)
    queries.setQueryData(modelsKey, [aModel()])
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }))
    await waitFor(() => expect(queries.getQueryData(meQuery.queryKey)).toBeNull())
    expect(queries.getQueryData(modelsKey)).toBeUndefined()
  })

  it('says so when it could not be ended', async () => {
    server.use(http.post('*/api/auth/logout', () => HttpResponse.error()))
    renderPage(<SettingsPage me={ME} />)
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }))
    expect(await screen.findByRole('alert')).toHaveTextContent('The Weighbridge API does not answer.')
    expect(screen.getByRole('button', { name: 'Sign out' })).toBeEnabled()
  })
})

describe('the roles', () => {
  it('let everybody have tokens, and only admins see users and the audit log', async () => {
    const { unmount } = renderPage(<SettingsPage me={ME} />)
    expect(await screen.findByText('nightly')).toBeVisible()
    expect(await screen.findByLabelText('Role of olga')).toBeVisible()
    expect(screen.getByRole('link', { name: 'Open audit log' })).toHaveAttribute('href', '/settings/audit')
    unmount()
    for (const me of [OPERATOR, VIEWER]) {
      const page = renderPage(<SettingsPage me={me} />)
      expect(await screen.findByText('nightly')).toBeVisible()
      expect(screen.queryByRole('region', { name: 'Users' })).toBeNull()
      expect(screen.queryByRole('region', { name: 'Audit log' })).toBeNull()
      page.unmount()
    }
  })
})

describe('about', () => {
  it('says how every part is', async () => {
    renderPage(<SettingsPage me={ME} />)
    expect(await screen.findByText('Weighbridge 1.2.3')).toBeVisible()
    expect(await lineOf('Database')).toHaveTextContent('Working')
    expect(await lineOf('Workers for downloads')).toHaveTextContent('2 workers')
    expect(await lineOf('Workers for cancels and deletes')).toHaveTextContent('1 worker')
    expect(await lineOf('Hugging Face')).toHaveTextContent('https://huggingface.coOnline')
    expect(screen.getByRole('link', { name: 'API documentation' })).toHaveAttribute('href', '/api/docs')
  })

  it('says what does not work', async () => {
    health = {
      ...health,
      status: 'degraded',
      redis: { status: 'unavailable' },
      workers: { status: 'unavailable', queues: [{ queue: 'downloads', workers: 0 }] },
      hub: { ...health.hub, offline: true },
    }
    renderPage(<SettingsPage me={ME} />)
    expect(await screen.findByText('Partly working')).toBeVisible()
    expect(await lineOf('Redis')).toHaveTextContent('Does not answer')
    expect(await lineOf('Workers for downloads')).toHaveTextContent('No worker')
    expect(await lineOf('Hugging Face')).toHaveTextContent('Offline')
  })

  it('says that the Hub fails and when it is asked again', async () => {
    const circuitBreaker = { ...health.hub.circuitBreaker, state: 'OPEN' as const, retryAfterSeconds: 12 }
    health = { ...health, hub: { ...health.hub, circuitBreaker } }
    renderPage(<SettingsPage me={ME} />)
    expect(await screen.findByText('Weighbridge 1.2.3')).toBeVisible()
    expect(await lineOf('Hugging Face')).toHaveTextContent('Does not answer, asked again in 12 s')
  })

  it('says that the API is away, and looks again', async () => {
    server.use(http.get('*/api/health', () => HttpResponse.error(), { once: true }))
    renderPage(<SettingsPage me={ME} />)
    expect(await screen.findByRole('alert')).toHaveTextContent('The Weighbridge API does not answer.')
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('Weighbridge 1.2.3')).toBeVisible()
  })
})

it('leads to the list of keys', async () => {
  renderPage(<SettingsPage me={ME} />)
  await userEvent.click(screen.getByRole('button', { name: 'List of keys' }))
  expect(location.search).toBe('?panel=keys')
})
