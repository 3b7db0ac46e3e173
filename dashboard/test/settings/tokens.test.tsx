import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { delay, http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Me } from '../../src/api/auth'
import type { Token } from '../../src/api/tokens'
import { expiresAt, tomorrow } from '../../src/settings/expiry'
import { Tokens } from '../../src/settings/tokens'
import { renderPage } from '../make'
import { server } from '../server'
import { ADMIN, aNewToken, aToken, OPERATOR, refuse, serve, VIEWER, wrong } from './make'

const SECRET = aNewToken().token

let tokens: Token[]
/** The bodies of the POST requests. */
let posts: unknown[]

beforeEach(() => {
  tokens = []
  posts = []
  serve({
    get tokens() {
      return tokens
    },
  })
  server.use(
    http.post('*/api/tokens', async ({ request }) => {
      posts.push(await request.json())
      tokens = [aToken(), ...tokens]
      return HttpResponse.json(aNewToken(), { status: 201 })
    }),
  )
})

const rows = () => within(screen.getByRole('list', { name: 'API tokens' })).findAllByRole('listitem')

describe('the list', () => {
  it('says what each token is, may do, and how long', async () => {
    const used = new Date(Date.now() - 3 * 60_000).toISOString()
    tokens = [
      aToken({ expiresAt: '2099-02-19T15:04:00', lastUsedAt: used, owner: 'olga' }),
      aToken({ id: 4, name: 'old one', role: 'viewer', expiresAt: '2026-01-01T10:00:00' }),
    ]
    renderPage(<Tokens me={ADMIN} />)
    const [nightly, old] = await rows()
    for (const words of ['nightly', 'Operator', 'wb_aB3x…', 'of olga', 'Expires 19 Feb 2099, 15:04'])
      expect(nightly).toHaveTextContent(words)
    expect(nightly).toHaveTextContent('Last used 3 min ago')
    expect(nightly).not.toHaveTextContent('Expired')
    for (const words of ['Viewer', 'Expired 1 Jan 2026, 10:00', 'Last used never'])
      expect(old).toHaveTextContent(words)
    expect(within(old as HTMLElement).getByText('Expired')).toBeVisible()
  })

  it('names the owner only to those who see others’ tokens', async () => {
    tokens = [aToken({ owner: 'olga' })]
    renderPage(<Tokens me={OPERATOR} />)
    const [row] = await rows()
    expect(row).not.toHaveTextContent('of olga')
    expect(row).toHaveTextContent('Never expires')
  })

  it('tells what tokens are for while there is none', async () => {
    renderPage(<Tokens me={VIEWER} />)
    expect(await screen.findByText(/There are no API tokens yet/)).toBeVisible()
    expect(screen.getByText(/^curl .*\/api\/models -H "Authorization: Bearer wb_…"$/)).toBeVisible()
  })

  it('says that it did not load, and tries again', async () => {
    server.use(
      http.get('*/api/tokens', refuse(503, { detail: 'The database does not answer.' }), { once: true }),
    )
    tokens = [aToken()]
    renderPage(<Tokens me={ADMIN} />)
    expect(await screen.findByRole('alert')).toHaveTextContent('The database does not answer.')
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await rows()).toHaveLength(1)
  })
})

async function openNew(me: Me = ADMIN) {
  renderPage(<Tokens me={me} />)
  await userEvent.click(screen.getByRole('button', { name: 'New token' }))
  return screen.findByRole('dialog', { name: 'New token' })
}
const create = () => userEvent.click(screen.getByRole('button', { name: 'Create token' }))

const rolesOf = (dialog: HTMLElement) =>
  within(within(dialog).getByLabelText('Role'))
    .getAllByRole('option')
    .map((option) => option.textContent)

describe('a new token', () => {
  it('is shown once, can be copied, and is nowhere once the dialog is closed', async () => {
    const copied = vi.fn(async (_text: string) => {})
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: copied }, configurable: true })
    const dialog = await openNew()
    await userEvent.type(within(dialog).getByLabelText('Name'), 'nightly')
    await userEvent.selectOptions(within(dialog).getByLabelText('Role'), 'Operator')
    await userEvent.selectOptions(within(dialog).getByLabelText('Expires'), 'Never')
    await create()
    const made = await screen.findByRole('dialog', { name: 'nightly is ready' })
    expect(posts).toEqual([{ name: 'nightly', role: 'operator', expiresAt: null }])
    expect(made).toHaveTextContent(SECRET)
    expect(made).toHaveTextContent('Nobody can show it again')
    const copy = within(made).getByRole('button', { name: 'Copy the token' })
    expect(copy).toHaveFocus()
    await userEvent.click(copy)
    expect(copied).toHaveBeenCalledWith(SECRET)
    expect(await within(made).findByText('Copied.')).toBeVisible()
    await userEvent.click(within(made).getByRole('button', { name: 'Done' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(await rows()).toHaveLength(1)
    expect(document.body.innerHTML).not.toContain(SECRET)
    expect(JSON.stringify([{ ...localStorage }, { ...sessionStorage }])).not.toContain(SECRET)
  })

  it('offers no role above one’s own', async () => {
    expect(rolesOf(await openNew(OPERATOR))).toEqual(['Viewer', 'Operator'])
  })

  it('can work until the end of a day', async () => {
    const dialog = await openNew()
    await userEvent.type(within(dialog).getByLabelText('Name'), 'nightly')
    expect(within(dialog).queryByLabelText('Last day')).toBeNull()
    await userEvent.selectOptions(within(dialog).getByLabelText('Expires'), 'On a date')
    await userEvent.type(within(dialog).getByLabelText('Last day'), '2099-05-12')
    await create()
    await screen.findByRole('dialog', { name: 'nightly is ready' })
    expect(posts).toEqual([
      { name: 'nightly', role: 'viewer', expiresAt: new Date('2099-05-12T23:59:59').toISOString() },
    ])
  })

  it('is made once, however often it is asked for, and the dialog stays until it is there', async () => {
    server.use(
      http.post('*/api/tokens', async ({ request }) => {
        posts.push(await request.json())
        await delay(50)
        return HttpResponse.json(aNewToken(), { status: 201 })
      }),
    )
    const dialog = await openNew()
    await userEvent.type(within(dialog).getByLabelText('Name'), 'nightly{Enter}{Enter}')
    await userEvent.keyboard('{Escape}')
    expect(await screen.findByRole('dialog', { name: 'nightly is ready' })).toBeVisible()
    expect(posts).toHaveLength(1)
  })

  it('shows what is wrong at its field and takes the keyboard there', async () => {
    server.use(http.post('*/api/tokens', wrong({ name: ['Control characters are not allowed.'] })))
    const dialog = await openNew()
    const name = within(dialog).getByLabelText('Name')
    await userEvent.type(name, 'nightly')
    await create()
    await waitFor(() => expect(name).toHaveAccessibleDescription('Control characters are not allowed.'))
    expect(name).toHaveFocus()
    await userEvent.type(name, '2')
    expect(name).toHaveAccessibleDescription('What it is for, such as nightly backup.')
  })

  it('tells a refusal of no field, and keeps what was typed', async () => {
    server.use(http.post('*/api/tokens', refuse(429, { detail: 'Too many requests.' })))
    const dialog = await openNew()
    await userEvent.type(within(dialog).getByLabelText('Name'), 'nightly')
    await create()
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('Too many requests.')
    expect(within(dialog).getByLabelText('Name')).toHaveValue('nightly')
  })
})

describe('revoking', () => {
  const open = async () => {
    tokens = [aToken()]
    renderPage(<Tokens me={ADMIN} />)
    await userEvent.click(await screen.findByRole('button', { name: 'Revoke nightly' }))
    return screen.findByRole('dialog', { name: 'Revoke nightly?' })
  }

  it.each([204, 404])('asks first, and takes the token out of the list (%i)', async (status) => {
    server.use(
      http.delete('*/api/tokens/3', () => {
        tokens = []
        return status === 204
          ? new HttpResponse(null, { status })
          : refuse(status, { code: 'TOKEN_NOT_FOUND' })()
      }),
    )
    const dialog = await open()
    expect(dialog).toHaveTextContent('Whatever calls with wb_aB3x… is refused from now on')
    const keep = within(dialog).getByRole('button', { name: 'Keep token' })
    await waitFor(() => expect(keep).toHaveFocus())
    await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke token' }))
    expect(await screen.findByText('nightly is revoked')).toBeVisible()
    await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Revoke nightly?' })).toBeNull())
    expect(screen.queryByRole('listitem')).toBeNull()
    await waitFor(() => expect(screen.getByRole('button', { name: 'New token' })).toHaveFocus())
  })

  it('does nothing when the token is to be kept', async () => {
    const dialog = await open()
    await userEvent.click(within(dialog).getByRole('button', { name: 'Keep token' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(await rows()).toHaveLength(1)
  })

  it('says why it failed, and can be tried again', async () => {
    server.use(http.delete('*/api/tokens/3', () => HttpResponse.error()))
    const dialog = await open()
    await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke token' }))
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('The Weighbridge API does not answer.')
    expect(within(dialog).getByRole('button', { name: 'Revoke token' })).toBeEnabled()
  })
})

describe('how long a token works', () => {
  const NOW = new Date('2026-12-31T12:00:00Z')

  it.each([
    ['30', '2027-01-30T12:00:00.000Z'],
    ['90', '2027-03-31T12:00:00.000Z'],
    ['365', '2027-12-31T12:00:00.000Z'],
    ['never', null],
  ] as const)('%s', (expiry, wanted) => {
    expect(expiresAt({ expiry, date: '' }, NOW)).toBe(wanted)
  })

  it('begins its calendar with tomorrow', () => {
    expect(tomorrow(new Date(2026, 11, 31, 23, 30))).toBe('2027-01-01')
  })
})
