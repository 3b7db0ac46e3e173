import { render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { App } from '../../src/app'
import type { Methods } from '../../src/api/auth'
import { catchLinkToken, takeLinkToken } from '../../src/signin/link-token'
import { safeNext } from '../../src/signin/safe-next'
import { aMe } from '../make'
import { server } from '../server'

const ACME = { label: 'Acme', url: '/api/auth/provider' }

let methods: Methods
let tokens: string[]
/** Names and passwords that were sent. */
let passwords: object[]
/** Milliseconds. */
let answersAfter: number

beforeEach(() => {
  methods = { password: false, token: true, provider: null }
  tokens = []
  passwords = []
  answersAfter = 20
  server.use(
    http.get('*/api/auth/me', () => HttpResponse.json({}, { status: 401 })),
    http.get('*/api/auth/methods', () => HttpResponse.json(methods)),
    http.post('*/api/auth/login', async ({ request }) => {
      const { token, ...typed } = (await request.json()) as { token?: string; password?: string }
      if (token) tokens.push(token)
      else passwords.push(typed)
      await delay(answersAfter)
      const isRight = token === 'wb_good' || typed.password === ' right '
      return isRight ? HttpResponse.json(aMe()) : HttpResponse.json({}, { status: 401 })
    }),
    // The dashboard behind the door has nothing to show.
    http.get(/\/api\//, () => HttpResponse.json({ detail: 'Away.' }, { status: 503 })),
  )
})

async function open(address: string, label = 'Access token') {
  history.replaceState(null, '', address)
  render(<App />)
  return screen.findByLabelText(label)
}

const openNames = (address = '/sign-in') => {
  methods.password = true
  return open(address, 'Name')
}

describe('a token that is typed', () => {
  it('opens the dashboard', async () => {
    const input = await open('/sign-in')
    expect(input).toHaveFocus()
    await userEvent.type(input, ' wb_good {Enter}')
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
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
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
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
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
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
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
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

const password = () => screen.getByLabelText('Password')

describe('name and password', () => {
  it('come first where there are users, and open the dashboard', async () => {
    const name = await openNames('/sign-in?next=%2Fsettings')
    expect(name).toHaveFocus()
    expect(name).toHaveAttribute('autocomplete', 'username')
    expect(password()).toHaveAttribute('autocomplete', 'current-password')
    expect(screen.queryByLabelText('Access token')).toBeNull()
    await userEvent.type(name, ' vera ')
    await userEvent.type(password(), ' right {Enter}')
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
    expect(passwords).toEqual([{ name: 'vera', password: ' right ' }])
    expect(location.pathname).toBe('/settings')
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain(' right ')
  })

  it('that are wrong are refused: the name stays, the password is typed again', async () => {
    const name = await openNames()
    await userEvent.type(name, 'vera')
    await userEvent.type(password(), 'wrong{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('Name or password is not right')
    expect(name).toHaveValue('vera')
    expect(password()).toHaveValue('')
    expect(password()).toHaveFocus()
    await userEvent.keyboard(' right {Enter}')
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
  })

  it('of which one is missing are not sent', async () => {
    const name = await openNames()
    await userEvent.type(name, '  {Enter}')
    await userEvent.type(password(), 'right{Enter}')
    expect(passwords).toEqual([])
  })

  it('give way to a token and come back, with what was typed as name', async () => {
    await userEvent.type(await openNames(), 'vera')
    await userEvent.type(password(), 'wrong{Enter}')
    await screen.findByRole('alert')
    await userEvent.click(screen.getByRole('button', { name: 'Use a token instead' }))
    expect(screen.queryByRole('alert')).toBeNull()
    expect(screen.getByLabelText('Access token')).toHaveFocus()
    await userEvent.click(screen.getByRole('button', { name: 'Use name and password instead' }))
    expect(screen.getByLabelText('Name')).toHaveValue('vera')
    expect(password()).toHaveValue('')
    await userEvent.click(screen.getByRole('button', { name: 'Use a token instead' }))
    await userEvent.type(screen.getByLabelText('Access token'), 'wb_good{Enter}')
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
  })

  it('leave a link with a token its way', async () => {
    methods.password = true
    expect(await open('/sign-in#token=wb_old')).toBeVisible()
    expect(await screen.findByRole('alert')).toHaveTextContent('This token is not valid')
    location.hash = '#token=wb_good'
    await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
    expect(tokens).toEqual(['wb_old', 'wb_good'])
  })
})

it('says how long to wait after too many tries, and keeps the name', async () => {
  const name = await openNames()
  server.use(
    http.post('*/api/auth/login', () =>
      HttpResponse.json(
        { code: 'RATE_LIMITED', detail: 'You have asked for this too often.', remedy: 'See Retry-After.' },
        { status: 429, headers: { 'Retry-After': '42' } },
      ),
    ),
  )
  await userEvent.type(name, 'vera')
  await userEvent.type(password(), 'right{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent(
    'You have asked for this too often.Wait 42 seconds, then try again.',
  )
  expect(name).toHaveValue('vera')
})

describe('the identity provider', () => {
  it('is a link that brings one back to the page that was wanted', async () => {
    methods.provider = ACME
    await open('/sign-in?next=%2Fmodels%3Finfo%3D7')
    expect(screen.getByRole('link', { name: 'Sign in with Acme' })).toHaveAttribute(
      'href',
      '/api/auth/provider?next=%2Fmodels%3Finfo%3D7',
    )
  })

  it('stands beside name and password', async () => {
    methods.provider = ACME
    await openNames('/sign-in?next=//evil.example')
    expect(screen.getByRole('link', { name: 'Sign in with Acme' })).toHaveAttribute(
      'href',
      '/api/auth/provider?next=%2Fmodels',
    )
  })

  it('is not offered where there is none', async () => {
    await open('/sign-in')
    expect(screen.queryByRole('link')).toBeNull()
  })

  it.each([
    ['refused', /^You have no access here.*Acme knows who you are.*Ask an administrator/],
    ['provider', /^Single sign-on did not work.*Acme did not confirm who you are.*Try again/],
  ])('that has sent somebody back with %s has it explained', async (problem, words) => {
    methods.provider = ACME
    const input = await open(`/sign-in?problem=${problem}`)
    expect(screen.getByRole('alert')).toHaveTextContent(words)
    await userEvent.type(input, 'wb_bad{Enter}')
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('This token is not valid'))
  })

  it('is not blamed for what an address makes up', async () => {
    methods.provider = ACME
    await open('/sign-in?problem=<b>boo</b>')
    expect(screen.queryByRole('alert')).toBeNull()
  })
})

it('offers the token where the ways to sign in can not be asked for', async () => {
  server.use(http.get('*/api/auth/methods', () => HttpResponse.json({}, { status: 503 })))
  await userEvent.type(await open('/sign-in'), 'wb_good{Enter}')
  await waitFor(() => expect(screen.getByRole('navigation')).toBeVisible())
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
