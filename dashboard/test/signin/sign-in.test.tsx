import { render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { App } from '../../src/app'
import { catchLinkToken, takeLinkToken } from '../../src/signin/link-token'
import { safeNext } from '../../src/signin/safe-next'
import { server } from '../server'

const ME = { name: 'admin', role: 'admin', via: 'session', csrfToken: 'c', expiresAt: null }

let tokens: string[]
/** Milliseconds. */
let answersAfter: number

beforeEach(() => {
  tokens = []
  answersAfter = 20
  server.use(
    http.get('*/api/auth/me', () => HttpResponse.json({}, { status: 401 })),
    http.post('*/api/auth/login', async ({ request }) => {
      const { token } = (await request.json()) as { token: string }
      tokens.push(token)
      await delay(answersAfter)
      return token === 'wb_good' ? HttpResponse.json(ME) : HttpResponse.json({}, { status: 401 })
    }),
    // The dashboard behind the door.
    http.get('*/api/health', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })),
    http.get('*/api/storage', () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })),
    http.get('*/api/events', () => HttpResponse.json({}, { status: 503 })),
    http.get('*/api/*', () => HttpResponse.json([])),
    http.get('*/api/*/*', () => HttpResponse.json([])),
  )
})

async function open(address: string) {
  history.replaceState(null, '', address)
  render(<App />)
  return screen.findByLabelText('Access token')
}

describe('a token that is typed', () => {
  it('opens the dashboard', async () => {
    const input = await open('/sign-in')
    expect(input).toHaveFocus()
    await userEvent.type(input, ' wb_good {Enter}')
    expect(await screen.findByRole('navigation')).toBeVisible()
    expect(tokens).toEqual(['wb_good'])
    expect(location.pathname).toBe('/models')
  })

  it('leads to the page that was wanted', async () => {
    const input = await open('/sign-in?next=%2Fsettings%3Fpanel%3Dkeys')
    await userEvent.type(input, 'wb_good{Enter}')
    await waitFor(() => expect(location.pathname + location.search).toBe('/settings?panel=keys'))
  })

  it('that is wrong is refused beside the input, which keeps it for another try', async () => {
    answersAfter = 300
    const input = await open('/sign-in')
    await userEvent.type(input, 'wb_bad{Enter}')
    expect(await screen.findByRole('button', { name: 'Signing in…' })).toHaveAttribute(
      'aria-disabled',
      'true',
    )
    expect(await screen.findByRole('alert')).toHaveTextContent('This token is not valid')
    expect(input).toHaveFocus()
    await userEvent.keyboard('wb_good{Enter}')
    expect(await screen.findByRole('navigation')).toBeVisible()
  })

  it('is sent once, however often one presses', async () => {
    answersAfter = 600
    const input = await open('/sign-in')
    await userEvent.type(input, 'wb_good{Enter}{Enter}')
    await userEvent.click(await screen.findByRole('button', { name: 'Signing in…' }))
    await screen.findByRole('navigation')
    expect(tokens).toHaveLength(1)
  })

  it('that is no token is not sent', async () => {
    const input = await open('/sign-in')
    await userEvent.type(input, '   {Enter}')
    expect(tokens).toEqual([])
  })

  it('can not be checked while the API is away: that is said', async () => {
    server.use(http.post('*/api/auth/login', () => HttpResponse.error()))
    await userEvent.type(await open('/sign-in'), 'wb_good{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('The Weighbridge API does not answer.')
  })
})

describe('a token in the link', () => {
  it('opens the dashboard and is out of the address at once', async () => {
    history.replaceState(null, '', '/sign-in?next=%2Fsettings#token=wb_good')
    catchLinkToken()
    expect(location.href).not.toContain('wb_good')
    expect(location.search).toBe('?next=%2Fsettings')
    render(<App />)
    expect(await screen.findByRole('navigation')).toBeVisible()
    expect(location.pathname).toBe('/settings')
  })

  it('that is wrong leaves the input to be used', async () => {
    const input = await open('/sign-in#token=wb_old')
    expect(await screen.findByRole('alert')).toHaveTextContent('This token is not valid')
    expect(location.hash).toBe('')
    expect(input).toHaveValue('')
  })

  it('may be pasted over the address of the page', async () => {
    await open('/sign-in')
    location.hash = '#token=wb_good'
    expect(await screen.findByRole('navigation')).toBeVisible()
    expect(location.href).not.toContain('wb_good')
  })

  it('is handed out once', () => {
    history.replaceState(null, '', '/sign-in#token=wb_good')
    expect(takeLinkToken()).toBe('wb_good')
    expect(takeLinkToken()).toBeNull()
  })

  it('is nowhere in what the browser keeps', async () => {
    await userEvent.type(await open('/sign-in'), 'wb_good{Enter}')
    await screen.findByRole('navigation')
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('wb_good')
    expect(document.documentElement.outerHTML).not.toContain('wb_good')
  })
})

describe('the page to go to', () => {
  it.each([
    [null, '/models'],
    ['', '/models'],
    ['/settings', '/settings'],
    ['/models?q=a&panel=queue', '/models?q=a&panel=queue'],
    ['//evil.example', '/models'],
    ['/\\evil.example', '/models'],
    ['https://evil.example', '/models'],
    ['javascript:alert(1)', '/models'],
    ['/sign-in?next=/sign-in', '/models'],
  ])('%s is %s', (text, page) => expect(safeNext(text)).toBe(page))
})
