/** The page around a form that edits a model. */
import type { ReactNode } from 'react'
import type { Model } from '../api/models'
import { Tag } from '../ui/status'
import { Frame } from './frame'
import { SubmitButton } from './submit-button'
import { rowOf } from './use-edit'

/** `name`: as the form began with it. `form`: the id of the form in `children`. */
export function EditFrame({
  model,
  name,
  kind,
  form,
  isDirty,
  hasSecret,
  isValid,
  isBusy,
  onLeave,
  children,
}: {
  model: Model
  name: string
  kind: string
  form: string
  isDirty: boolean
  hasSecret: boolean
  isValid: boolean
  isBusy: boolean
  onLeave: () => void
  children: ReactNode
}) {
  return (
    <Frame
      title={`Edit ${name}`}
      kind={<Tag>{kind}</Tag>}
      note={isDirty ? 'Draft kept on this device' : undefined}
      closeWord={isDirty ? 'Cancel' : 'Close'}
      submit={
        <SubmitButton form={form} word="Save changes" busyWord="Saving…" isValid={isValid} isBusy={isBusy} />
      }
      opener={rowOf(model.id)}
      isDirty={isDirty}
      hasSecret={hasSecret}
      onLeave={onLeave}
    >
      {children}
    </Frame>
  )
}
