/** Edit a hosted model. */
import type { FormEvent } from 'react'
import type { Model } from '../api/models'
import { hostedPatch } from './bodies'
import { hostedChanges } from './draft'
import { EditFrame } from './edit-frame'
import styles from './form.module.css'
import { useHosted } from './hosted'
import { HostedFields } from './hosted-fields'
import { ProblemNotice } from './refused'
import { RestoredNotice } from './restored-notice'
import { useTestStored } from './use-create'
import { useBeginning, useEditDraft, useEditSaving } from './use-edit'
import { useRefusals } from './use-refusals'

const FORM = 'edit-model'

export function EditHosted({ model }: { model: Model }) {
  const begin = useBeginning(model)
  const hosted = useHosted(begin.hosted, begin.model)
  const { form, values } = hosted
  const { refusals, refuse } = useRefusals(values, form)
  const { saving, save, forget, isLeft } = useEditSaving(model.id, refuse)
  const testStored = useTestStored()
  const patch = hostedPatch(begin.model, values)
  const isDirty = Object.keys(patch).length > 0
  useEditDraft(
    model.id,
    { type: 'hosted-llm', local: {}, hosted: hostedChanges(values, begin.untouched.hosted) },
    isDirty,
    isLeft,
  )
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!(await form.trigger(undefined, { shouldFocus: true }))) return
    // The stored outcome is of the former connection; the test that has just succeeded is of this one.
    const isTested = hosted.connection.state.step === 'ok' && !hosted.isStored
    await save(patch, () => isTested && testStored(model.id))
  }
  return (
    <EditFrame
      model={model}
      name={begin.model.name}
      kind="Hosted LLM"
      form={FORM}
      isDirty={isDirty}
      hasSecret={values.apiKey !== ''}
      isValid={hosted.isValid}
      isBusy={saving.isBusy}
      onLeave={forget}
    >
      <form id={FORM} onSubmit={(event) => void submit(event)} noValidate className={styles.narrow}>
        <div className={styles.form}>
          {begin.isRestored && isDirty && (
            <RestoredNotice onDiscard={() => form.reset(begin.untouched.hosted)} />
          )}
          <ProblemNotice problem={saving.problem} form={FORM} />
          <HostedFields hosted={hosted} refusals={refusals} model={model} />
        </div>
      </form>
    </EditFrame>
  )
}
