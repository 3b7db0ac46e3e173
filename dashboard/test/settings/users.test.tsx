import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import type { User, UserPatch } from '../../src/api/users'
import { Users } from '../../src/settings/users'
import { renderPage } from '../make'
import { server } from '../server'
import { ADMIN, aUser, refuse, serve, wrong } from './make'

const ADA = aUser({ id: 1, name: 'ada', role: 'admin', lastSignInAt: new Date().toISOString() })

let users: User[]
/** The bodies of the PATCH requests. */
let patches: UserPatch[]

beforeEach(() => {
  users = [ADA, aUser()]
  patches = []
  serve({
    get users() {
      return users
    },
  })
  server.use(
    http.patch<{ id: string }, UserPatch>('*/api/users/:id', async ({ params, request }) => {
      const fields = await request.json()
      patches.push(fields)
      users = users.map((user) => (user.id === Number(params.id) ? { ...user, ...fields } : user))
      return HttpResponse.json(users.find((user) => user.id === Number(params.id)))
    }),
  )
})

const rowOf = async (name: string) => {
  const list = screen.getByRole('list', { name: 'Users' })
  return (await within(list).findByText(name, { selector: 'li *' })).closest('li') as HTMLElement
}

const pick = async (name: string, item: string) => {
  await userEvent.click(await screen.findByRole('button', { name: `More about ${name}` }))
  await userEvent.click(await screen.findByRole('menuitem', { name: item }))
}

describe('the list', () => {
  it('says how each user signs in, and when that was last', async () => {
    users = [
      ADA,
      aUser(),
      aUser({ id: 6, name: 'paul', hasPassword: false, issuer: 'https://login.example.com/realms/x' }),
      aUser({ id: 7, name: 'both', issuer: 'https://login.example.com' }),
      aUser({ id: 8, name: 'gone', isActive: false }),
    ]
    renderPage(<Users me={ADMIN} />)
    expect(await rowOf('ada')).toHaveTextContent('Signed in just now')
    expect(await rowOf('olga')).toHaveTextContent('PasswordNever signed in')
    expect(await rowOf('paul')).toHaveTextContent('Single sign-on at login.example.com')
    expect(await rowOf('both')).toHaveTextContent('Password and single sign-on at login.example.com')
    expect(await rowOf('gone')).toHaveTextContent('Locked')
    expect(await rowOf('olga')).not.toHaveTextContent('Locked')
  })

  it('lets nobody demote, lock or delete themselves', async () => {
    renderPage(<Users me={ADMIN} />)
    const own = await rowOf('ada')
    expect(own).toHaveTextContent('You')
    expect(own).toHaveTextContent('Admin')
    expect(within(own).queryByRole('combobox')).toBeNull()
    expect(within(own).queryByRole('button')).toBeNull()
  })

  it('explains itself while there is nobody', async () => {
    users = []
    renderPage(<Users me={{ ...ADMIN, name: 'admin' }} />)
    expect(await screen.findByText(/So far only the admin token signs in/)).toBeVisible()
    expect(screen.getByRole('button', { name: 'Add user' })).toBeVisible()
  })

  it('says that it did not load, and tries again', async () => {
    server.use(http.get('*/api/users', () => HttpResponse.error(), { once: true }))
    renderPage(<Users me={ADMIN} />)
    expect(await screen.findByRole('alert')).toHaveTextContent('The Weighbridge API does not answer.')
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await rowOf('olga')).toBeVisible()
  })
})

describe('a role', () => {
  it('is changed in place', async () => {
    renderPage(<Users me={ADMIN} />)
    await userEvent.selectOptions(await screen.findByLabelText('Role of olga'), 'Viewer')
    expect(screen.getByLabelText('Role of olga')).toHaveDisplayValue('Viewer')
    await waitFor(() => expect(patches).toEqual([{ role: 'viewer' }]))
    await waitFor(() => expect(users[1]?.role).toBe('viewer'))
    expect(screen.getByLabelText('Role of olga')).toHaveDisplayValue('Viewer')
  })

  it('is what it was after a refusal, which is told', async () => {
    server.use(http.patch('*/api/users/5', refuse(404, { detail: 'There is no such user.' })))
    renderPage(<Users me={ADMIN} />)
    await userEvent.selectOptions(await screen.findByLabelText('Role of olga'), 'Admin')
    expect(await screen.findByText('olga was not changed', { selector: 'h2' })).toBeVisible()
    await waitFor(() => expect(screen.getByLabelText('Role of olga')).toHaveDisplayValue('Operator'))
  })
})

async function openNew() {
  renderPage(<Users me={ADMIN} />)
  await userEvent.click(screen.getByRole('button', { name: 'Add user' }))
  const dialog = await screen.findByRole('dialog', { name: 'Add user' })
  await userEvent.type(within(dialog).getByLabelText('Name'), 'nora')
  await userEvent.selectOptions(within(dialog).getByLabelText('Role'), 'Operator')
  await userEvent.type(within(dialog).getByLabelText('First password'), 'horse battery staple')
  return dialog
}
const add = (dialog: HTMLElement) => userEvent.click(within(dialog).getByRole('button', { name: 'Add user' }))

describe('a new user', () => {
  it('is in the list then', async () => {
    let sent: unknown
    server.use(
      http.post('*/api/users', async ({ request }) => {
        sent = await request.json()
        const nora = aUser({ id: 9, name: 'nora' })
        users = [...users, nora]
        return HttpResponse.json(nora, { status: 201 })
      }),
    )
    await add(await openNew())
    expect(await screen.findByText('nora may sign in now')).toBeVisible()
    expect(sent).toEqual({ name: 'nora', role: 'operator', password: 'horse battery staple' })
    expect(await rowOf('nora')).toBeInTheDocument()
    await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Add user' })).toBeNull())
  })

  it.each([
    [
      'a name that is taken',
      refuse(409, { code: 'USER_ALREADY_EXISTS', detail: 'Taken.' }),
      'Name',
      'Taken.',
    ],
    ['a name', wrong({ name: ['Begin with a letter.'] }), 'Name', 'Begin with a letter.'],
    ['a password', wrong({ password: ['Do not use your name.'] }), 'First password', 'Do not use your name.'],
  ])('is refused for %s at the field', async (_what, answer, label, words) => {
    server.use(http.post('*/api/users', answer))
    const dialog = await openNew()
    await add(dialog)
    const input = within(dialog).getByLabelText(label)
    await waitFor(() => expect(input).toHaveAccessibleDescription(words))
    expect(input).toHaveFocus()
    expect(within(dialog).queryByRole('alert')).toBeNull()
  })
})

describe('the menu of a user', () => {
  it('sets a password', async () => {
    renderPage(<Users me={ADMIN} />)
    await pick('olga', 'Set password…')
    const dialog = await screen.findByRole('dialog', { name: 'Set the password of olga' })
    await userEvent.type(within(dialog).getByLabelText('New password'), 'horse battery staple{Enter}')
    expect(await screen.findByText('olga has a new password')).toBeVisible()
    expect(patches).toEqual([{ password: 'horse battery staple' }])
  })

  it('locks and unlocks', async () => {
    renderPage(<Users me={ADMIN} />)
    await pick('olga', 'Lock')
    expect(await screen.findByText('olga is locked')).toBeVisible()
    await waitFor(async () => expect(await rowOf('olga')).toHaveTextContent('Locked'))
    await pick('olga', 'Unlock')
    expect(await screen.findByText('olga is unlocked')).toBeVisible()
    expect(patches).toEqual([{ isActive: false }, { isActive: true }])
  })

  it('deletes after a question', async () => {
    server.use(
      http.get('*/api/tokens', () => HttpResponse.json([])),
      http.delete('*/api/users/5', () => {
        users = [ADA]
        return new HttpResponse(null, { status: 204 })
      }),
    )
    renderPage(<Users me={ADMIN} />)
    await pick('olga', 'Delete…')
    const dialog = await screen.findByRole('dialog', { name: 'Delete olga?' })
    expect(dialog).toHaveTextContent('All sessions and API tokens of olga end at once.')
    const keep = within(dialog).getByRole('button', { name: 'Keep user' })
    await waitFor(() => expect(keep).toHaveFocus())
    await userEvent.click(within(dialog).getByRole('button', { name: 'Delete user' }))
    expect(await screen.findByText('olga is deleted')).toBeVisible()
    await waitFor(() => expect(screen.queryByLabelText('Role of olga')).toBeNull())
    await waitFor(() => expect(screen.getByRole('button', { name: 'Add user' })).toHaveFocus())
  })
})
