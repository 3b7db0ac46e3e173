/** A new password for somebody who has lost theirs, or who had none. */
import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { changeUser, type User, usersKey } from '../api/users'
import { Dialog } from '../ui/dialog'
import { toast } from '../ui/toasts'
import { useAsking } from './asking'
import { Form, FormButtons } from './form'
import { newPasswordHint, PasswordField } from './password-field'

export function SetPassword({ user, open, onClose }: { user: User; open: boolean; onClose: () => void }) {
  const form = useId()
  const queries = useQueryClient()
  const asking = useAsking()
  const [password, setPassword] = useState('')
  const close = () => {
    if (asking.isBusy) return
    setPassword('')
    onClose()
  }
  const set = () =>
    asking.ask(async () => {
      await changeUser(user.id, { password })
      await queries.invalidateQueries({ queryKey: usersKey })
      toast(`${user.name} has a new password`)
      setPassword('')
      onClose()
    })
  return (
    <Dialog
      open={open}
      onClose={close}
      title={`Set the password of ${user.name}`}
      description={`All sessions of ${user.name} end. API tokens stay.`}
      actions={
        <FormButtons form={form} asking={asking} words="Set password" busyWords="Setting…" onCancel={close} />
      }
    >
      <Form id={form} asking={asking} onSubmit={set}>
        <PasswordField
          label="New password"
          autoComplete="new-password"
          hint={newPasswordHint(password)}
          error={asking.wrong.password}
          value={password}
          onChange={setPassword}
        />
      </Form>
    </Dialog>
  )
}
