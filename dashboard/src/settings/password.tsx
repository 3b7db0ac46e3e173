/** One's own password: who knows the old one may choose a new one. */
import { useId, useState } from 'react'
import type { Me } from '../api/auth'
import { changePassword } from '../api/users'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { toast } from '../ui/toasts'
import { useAsking } from './asking'
import { Form, FormButtons } from './form'
import { Line } from './line'
import { newPasswordHint, PasswordField } from './password-field'
import { useDialog } from './use-dialog'

export function Password({ me }: { me: Me }) {
  const dialog = useDialog<Me>()
  return (
    <>
      <Line name="Password" hint="A new one ends all your other sessions.">
        <Button onClick={() => dialog.open(me)}>Change password</Button>
      </Line>
      {dialog.about && (
        <PasswordDialog key={dialog.key} me={dialog.about} open={dialog.isOpen} onClose={dialog.close} />
      )}
    </>
  )
}

const NOTHING = { currentPassword: '', newPassword: '' }

function PasswordDialog({ me, open, onClose }: { me: Me; open: boolean; onClose: () => void }) {
  const form = useId()
  const asking = useAsking()
  const [fields, setFields] = useState(NOTHING)
  const close = () => {
    if (asking.isBusy) return
    setFields(NOTHING)
    onClose()
  }
  const change = () =>
    asking.ask(async () => {
      await changePassword(fields)
      toast('Your password is changed')
      setFields(NOTHING)
      onClose()
    })
  return (
    <Dialog
      open={open}
      onClose={close}
      title="Change password"
      description="All your other sessions end, on every device. This one and your API tokens stay."
      actions={
        <FormButtons
          form={form}
          asking={asking}
          words="Change password"
          busyWords="Changing…"
          onCancel={close}
        />
      }
    >
      <Form id={form} asking={asking} onSubmit={change}>
        {/* So that password managers know whose password it is. */}
        <input type="text" autoComplete="username" value={me.name} readOnly hidden />
        <PasswordField
          label="Current password"
          autoComplete="current-password"
          error={asking.wrong.currentPassword}
          value={fields.currentPassword}
          onChange={(currentPassword) => setFields({ ...fields, currentPassword })}
        />
        <PasswordField
          label="New password"
          autoComplete="new-password"
          hint={newPasswordHint(fields.newPassword)}
          error={asking.wrong.newPassword}
          value={fields.newPassword}
          onChange={(newPassword) => setFields({ ...fields, newPassword })}
        />
      </Form>
    </Dialog>
  )
}
