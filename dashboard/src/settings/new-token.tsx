/** Making an API token: first what it may do and how long, then, this once, the token itself. */
import { useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Me, Role } from '../api/auth'
import { createToken, type NewToken as Made, tokensKey } from '../api/tokens'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Field, Input } from '../ui/field'
import { Select } from '../ui/select'
import { useAsking } from './asking'
import { type Expiry, EXPIRIES, expiresAt, tomorrow } from './expiry'
import { Form, FormButtons } from './form'
import { ROLE_HINTS, rolesUpTo } from './roles'
import { ShownToken } from './shown-token'

type Fields = { name: string; role: Role; expiry: Expiry; date: string }

const FIRST: Fields = { name: '', role: 'viewer', expiry: '90', date: '' }

export function NewToken({ me, open, onClose }: { me: Me; open: boolean; onClose: () => void }) {
  const form = useId()
  const queries = useQueryClient()
  const asking = useAsking()
  const [fields, setFields] = useState(FIRST)
  const [made, setMade] = useState<Made | null>(null)
  const close = () => {
    if (asking.isBusy) return
    // The only copy that the page has; the rest stays on the dialog while it fades.
    setMade((last) => last && { ...last, token: '' })
    onClose()
  }
  const make = () =>
    asking.ask(async () => {
      const { name, role } = fields
      setMade(await createToken({ name, role, expiresAt: expiresAt(fields, new Date()) }))
      void queries.invalidateQueries({ queryKey: tokensKey })
    })
  if (made)
    return (
      <Dialog
        open={open}
        onClose={close}
        title={`${made.name} is ready`}
        description="Copy the token now: it is shown this once."
        actions={
          <Button look="primary" onClick={close}>
            Done
          </Button>
        }
      >
        <ShownToken token={made.token} />
      </Dialog>
    )
  return (
    <Dialog
      open={open}
      onClose={close}
      title="New token"
      description="It calls the API as you, with a role that is yours at most."
      actions={
        <FormButtons
          form={form}
          asking={asking}
          words="Create token"
          busyWords="Creating…"
          onCancel={close}
        />
      }
    >
      <Form id={form} asking={asking} onSubmit={make}>
        <TokenFields me={me} fields={fields} wrong={asking.wrong} onChange={setFields} />
      </Form>
    </Dialog>
  )
}

function TokenFields({
  me,
  fields,
  wrong,
  onChange,
}: {
  me: Me
  fields: Fields
  wrong: Readonly<Record<string, string | undefined>>
  onChange: (fields: Fields) => void
}) {
  const change = (changed: Partial<Fields>) => onChange({ ...fields, ...changed })
  return (
    <>
      <Field label="Name" hint="What it is for, such as nightly backup." error={wrong.name}>
        <Input
          required
          maxLength={100}
          value={fields.name}
          onChange={(event) => change({ name: event.target.value })}
        />
      </Field>
      <Field label="Role" hint={ROLE_HINTS[fields.role]} error={wrong.role}>
        <Select
          options={rolesUpTo(me.role)}
          value={fields.role}
          onChange={(event) => change({ role: event.target.value as Role })}
        />
      </Field>
      <Field label="Expires" error={fields.expiry === 'date' ? undefined : wrong.expiresAt}>
        <Select
          options={EXPIRIES}
          value={fields.expiry}
          onChange={(event) => change({ expiry: event.target.value as Expiry })}
        />
      </Field>
      {fields.expiry === 'date' && (
        <Field label="Last day" hint="It works until the end of this day." error={wrong.expiresAt}>
          <Input
            type="date"
            required
            min={tomorrow(new Date())}
            value={fields.date}
            onChange={(event) => change({ date: event.target.value })}
          />
        </Field>
      )}
    </>
  )
}
