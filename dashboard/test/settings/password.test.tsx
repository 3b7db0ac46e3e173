import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { expect, it } from 'vitest'
import { Password } from '../../src/settings/password'
import { newPasswordHint } from '../../src/settings/password-field'
import { renderPage } from '../make'
import { server } from '../server'
import { refuse, VIEWER, wrong } from './make'

const OLD = 'the old password'
const NEW = 'horse battery staple'

async function open() {
  renderPage(<Password me={VIEWER} />)
  await userEvent.click(screen.getByRole('button', { name: 'Change password' }))
  const dialog = await screen.findByRole('dialog', { name: 'Change password' })
  const current = within(dialog).getByLabelText('Current password')
  const next = within(dialog).getByLabelText('New password')
  const change = async () => {
    await userEvent.clear(current)
    await userEvent.type(current, OLD)
    await userEvent.clear(next)
    await userEvent.type(next, NEW)
    await userEvent.click(within(dialog).getByRole('button', { name: 'Change password' }))
  }
  return { dialog, current, next, change }
}

it('is changed by who knows the old one, who is told that other sessions end', async () => {
  let sent: unknown
  server.use(
    http.post('*/api/auth/password', async ({ request }) => {
      sent = await request.json()
      return new HttpResponse(null, { status: 204 })
    }),
  )
  const { dialog, current, change } = await open()
  expect(current).toHaveFocus()
  expect(dialog).toHaveTextContent('All your other sessions end')
  await change()
  expect(await screen.findByText('Your password is changed')).toBeVisible()
  expect(sent).toEqual({ currentPassword: OLD, newPassword: NEW })
  await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Change password' })).toBeNull())
})

it('is hidden until its eye is opened', async () => {
  const { dialog, next } = await open()
  await userEvent.type(next, NEW)
  expect(next).toHaveAttribute('type', 'password')
  await userEvent.click(within(dialog).getByRole('button', { name: 'Show new password' }))
  expect(next).toHaveAttribute('type', 'text')
  await userEvent.click(within(dialog).getByRole('button', { name: 'Hide new password' }))
  expect(next).toHaveAttribute('type', 'password')
})

it('says what a new password lacks as it is typed', async () => {
  const { next } = await open()
  expect(next).toHaveAccessibleDescription('At least 12 characters.')
  await userEvent.type(next, 'horse')
  expect(next).toHaveAccessibleDescription('At least 12 characters: 7 more.')
  await userEvent.type(next, ' battery')
  expect(next).toHaveAccessibleDescription('Long enough.')
})

it.each([
  ['', 'At least 12 characters.'],
  ['elevenchars', 'At least 12 characters: 1 more.'],
  ['🐎🐎🐎🐎🐎🐎🐎', 'At least 12 characters: 5 more.'],
  ['abcdabcdabcd', 'Use at least 5 different characters.'],
  ['abcdeabcdeab', 'Long enough.'],
])('judges “%s” as the API does', (password, words) => {
  expect(newPasswordHint(password)).toBe(words)
})

it.each([
  ['currentPassword', 'Current password', 'This is not your password.'],
  ['newPassword', 'New password', 'Do not use your name.'],
])('shows what is wrong with %s at its field', async (field, label, words) => {
  server.use(http.post('*/api/auth/password', wrong({ [field]: [words] })))
  const { dialog, change } = await open()
  await change()
  const input = within(dialog).getByLabelText(label)
  await waitFor(() => expect(input).toHaveAccessibleDescription(words))
  expect(input).toHaveFocus()
  expect(input).toBeInvalid()
})

it('says how long to wait after too many tries', async () => {
  server.use(
    http.post('*/api/auth/password', () =>
      HttpResponse.json({ detail: 'Too many tries.' }, { status: 429, headers: { 'Retry-After': '17' } }),
    ),
  )
  const { dialog, change } = await open()
  await change()
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('Too many tries.Try again in 17 s.')
})

it('forgets what was typed when it is left', async () => {
  server.use(http.post('*/api/auth/password', refuse(503, { detail: 'No answer.' })))
  const { dialog, change } = await open()
  await change()
  await within(dialog).findByRole('alert')
  await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }))
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  await userEvent.click(screen.getByRole('button', { name: 'Change password' }))
  const again = await screen.findByRole('dialog', { name: 'Change password' })
  expect(within(again).getByLabelText('Current password')).toHaveValue('')
  expect(within(again).queryByRole('alert')).toBeNull()
})
