/** Edit a local model: while nothing of it is here, also where it comes from. */
import { useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import type { Model } from '../api/models'
import { useDownloadStatus } from '../models/states'
import { localPatch } from './bodies'
import { localChanges } from './draft'
import { EditFrame } from './edit-frame'
import styles from './form.module.css'
import { useLocal } from './local'
import { LocalFields } from './local-fields'
import { ProblemNotice } from './refused'
import { RestoredNotice } from './restored-notice'
import { useBeginning, useEditDraft, useEditSaving } from './use-edit'
import { useRefusals } from './use-refusals'
import { WhatHappens } from './what-happens'

const FORM = 'edit-model'
/** What decides which bytes a model stands for, and whether they can be had. */
const IDENTITY = ['hfRepo', 'revision', 'modelFile', 'allowPatterns', 'ignorePatterns', 'hfToken'] as const

export function EditLocal({ model }: { model: Model }) {
  const queries = useQueryClient()
  const begin = useBeginning(model)
  const fixed = useWhyFixed(model)
  const isFixed = fixed !== null
  const tokenOf = model.hasHfToken ? model.id : undefined
  const local = useLocal(begin.local, { ownId: model.id, tokenOf, isOn: !isFixed, isFilling: false })
  const { form, values, source, choice } = local
  const { refusals, refuse } = useRefusals(values, form)
  const { saving, send, save, forget, isLeft } = useEditSaving(model.id, refuse)
  const patch = localPatch(begin.model, values, source, choice, isFixed)
  const isDirty = Object.keys(patch).length > 0
  const changes = localChanges(values, begin.untouched.local)
  useEditDraft(model.id, { type: 'local', local: changes, hosted: {} }, isDirty, isLeft)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (await form.trigger(undefined, { shouldFocus: true })) await save(patch)
  }
  /** The token first: then the Hub can be asked with it. Whatever else was typed stays typed. */
  const saveToken = () =>
    saving.run(async () => {
      await send({ hfToken: values.hfToken.trim() })
      form.setValue('hfToken', '')
      form.setValue('hfTokenChange', 'kept', { shouldValidate: true })
      await queries.invalidateQueries({ queryKey: ['hub', 'repo'] })
    })
  const hasToken = values.hfToken.trim() !== '' && !local.errors.hfToken
  return (
    <EditFrame
      model={model}
      name={begin.model.name}
      kind={model.source === 'path' ? 'Local path' : 'Local Hugging Face model'}
      form={FORM}
      isDirty={isDirty}
      hasSecret={values.hfToken !== ''}
      isValid={local.isValid}
      isBusy={saving.isBusy}
      onLeave={forget}
    >
      <form
        id={FORM}
        onSubmit={(event) => void submit(event)}
        noValidate
        className={model.source === 'path' ? styles.narrow : styles.wide}
      >
        <div className={styles.form}>
          {begin.isRestored && isDirty && (
            <RestoredNotice onDiscard={() => form.reset(begin.untouched.local)} />
          )}
          <ProblemNotice problem={saving.problem} form={FORM} />
          <LocalFields
            local={local}
            refusals={refusals}
            model={model}
            fixed={fixed}
            isLocked={false}
            onSaveAndList={hasToken ? () => void saveToken() : null}
          />
        </div>
        {model.source !== 'path' && (
          <WhatHappens
            file={isFixed ? model.modelFile : choice.file}
            isChosen={isFixed || choice.isMade}
            sizeBytes={isFixed ? model.fileSizeBytes : choice.sizeBytes}
            isUpTo={!isFixed && Boolean(values.allowPatterns || values.ignorePatterns)}
            downloads
            model={model}
            isChanged={IDENTITY.some((name) => name in patch)}
          />
        )}
      </form>
    </EditFrame>
  )
}

/** Why repository, file and revision can't change now; null: they can. */
function useWhyFixed(model: Model): string | null {
  const status = useDownloadStatus(model)
  if (model.source === 'path') return 'The path can’t be changed. Register another one as a model of its own.'
  if (model.downloaded)
    return 'What is downloaded can’t be pointed at another repository, file or revision. Register the other file as a model of its own.'
  const isUnderWay = status === 'Pending' || status === 'Downloading' || model.activeOperation !== null
  return isUnderWay ? 'A download is under way. Cancel it to change where the model comes from.' : null
}
