/** Somebody new, with a first password. */
import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Role } from '../api/auth'
import { createUser, type UserCreate, usersKey } from '../api/users'
import { Dialog } from '../ui/dialog'
import { Field, Input } from '../ui/field'
import { Select } from '../ui/select'
import { toast } from '../ui/toasts'
import { useAsking } from './asking'
import { Form, FormButtons } from './form'
import { newPasswordHint, PasswordField } from './password-field'
import { ROLE_HINTS, rolesUpTo } from './roles'

const NOBODY: UserCreate = { name: '', role: 'viewer', password: '' }

export function AddUser({ open, onClose }: { open: boolean; onClose: () => void }) {
  const form = useId()
  const queries = useQueryClient()
  const asking = useAsking({ USER_ALREADY_EXISTS: 'name' })
  const [fields, setFields] = useState(NOBODY)
  const change = (changed: Partial<UserCreate>) => setFields({ ...fields, ...changed })
  const close = () => {
    if (asking.isBusy) return
    change({ password: '' })
    onClose()
  }
  const add = () =>
    asking.ask(async () => {
      const user = await createUser(fields)
      await queries.invalidateQueries({ queryKey: usersKey })
      toast(`${user.name} may sign in now`)
      change({ password: '' })
      onClose()
    })
  return (
    <Dialog
      open={open}
      onClose={close}
      title="Add user"
      description="They sign in with this name and password, and can change the password under Settings."
      actions={
        <FormButtons form={form} asking={asking} words="Add user" busyWords="Adding…" onCancel={close} />
      }
    >
      <Form id={form} asking={asking} onSubmit={add}>
        <Field label="Name" hint="Letters, digits and . _ @ + -" error={asking.wrong.name}>
          <Input
            required
            maxLength={64}
            autoCapitalize="none"
            value={fields.name}
            onChange={(event) => change({ name: event.target.value })}
          />
        </Field>
        <Field label="Role" hint={ROLE_HINTS[fields.role]} error={asking.wrong.role}>
          <Select
            options={rolesUpTo('admin')}
            value={fields.role}
            onChange={(event) => change({ role: event.target.value as Role })}
          />
        </Field>
        <PasswordField
          label="First password"
          autoComplete="new-password"
          hint={newPasswordHint(fields.password)}
          error={asking.wrong.password}
          value={fields.password}
          onChange={(password) => change({ password })}
        />
      </Form>
    </Dialog>
  )
}
