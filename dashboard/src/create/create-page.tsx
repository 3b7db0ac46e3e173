/** A new model. */
import { Download } from 'lucide-react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import type { Model } from '../api/models'
import { wayBack } from '../lib/way-back'
import { announce } from '../live/announcer'
import { toast } from '../ui/toasts'
import { beginning, chooseType, KEY } from './beginning'
import { hostedBody, localBody } from './bodies'
import {
  type Draft,
  dropDraft,
  hostedChanges,
  isTouched,
  keepDraft,
  localChanges,
  type ModelType,
} from './draft'
import styles from './form.module.css'
import { Frame } from './frame'
import { useHosted } from './hosted'
import { HostedFields } from './hosted-fields'
import { useLocal } from './local'
import { LocalFields } from './local-fields'
import { ProblemNotice } from './refused'
import { RestoredNotice } from './restored-notice'
import { useRoomFor } from './room'
import { useSaving } from './saving'
import { NEW_HOSTED, NEW_LOCAL } from './schema'
import { SubmitButton } from './submit-button'
import { TypeChoice } from './type-choice'
import { useCreate, useTestStored } from './use-create'
import { useModel } from './use-model'
import { useRefusals } from './use-refusals'
import { WhatHappens } from './what-happens'
import { WhereItStays } from './where-it-stays'

const FORM = 'new-model'

/** Begins anew when its draft is discarded. */
export default function CreatePage() {
  const [round, setRound] = useState(0)
  const startOver = () => {
    dropDraft(KEY)
    setRound(round + 1)
  }
  return <NewModel key={round} onStartOver={startOver} />
}

function NewModel({ onStartOver }: { onStartOver: () => void }) {
  const [begin] = useState(beginning)
  const [type, setType] = useState(begin.type)
  const [created, setCreated] = useState<Model | null>(null)
  const live = useModel(created?.id ?? 0).model ?? created
  const local = useLocal(begin.values.local, { ownId: created?.id, isOn: true, isFilling: !created })
  const hosted = useHosted(begin.values.hosted, null)
  const localRefusals = useRefusals(local.values, local.form)
  const hostedRefusals = useRefusals(hosted.values, hosted.form)
  const isLocal = type === 'local'
  const saving = useSaving((isLocal ? localRefusals : hostedRefusals).refuse)
  const isDirty = !created && isTouched(local.values, hosted.values, begin.untouched)
  const hasSecret = !created && Boolean(local.values.hfToken || hosted.values.apiKey)
  const forget = useKeptDraft(
    {
      from: begin.from,
      type,
      local: localChanges(local.values, NEW_LOCAL),
      hosted: hostedChanges(hosted.values, NEW_HOSTED),
    },
    isDirty,
  )

  const room = useRoomFor(local.choice.sizeBytes)
  const downloads = isLocal && !local.isPath && local.values.downloadNow
  const isBlocked = downloads && room.missing !== null
  const isValid = isLocal ? local.isValid && !isBlocked : hosted.isValid

  const [, navigate] = useLocation()
  const create = useCreate()
  const testStored = useTestStored()
  /** There is nothing to wait for. */
  const leaveWith = (model: Model) => {
    toast(`${model.name} created`)
    navigate(wayBack(), { replace: true })
  }
  const saveLocal = async () => {
    const model = await create(localBody(local.values, local.source, local.choice))
    forget()
    if (local.isPath) return leaveWith(model)
    local.form.setValue('hfToken', '')
    local.form.setValue('hfTokenChange', model.hasHfToken ? 'kept' : 'typed')
    setCreated(model)
    announce(`${model.name} created`)
  }
  const saveHosted = async () => {
    const isTested = hosted.connection.state.step === 'ok'
    const model = await create(hostedBody(hosted.values))
    forget()
    if (isTested) testStored(model.id)
    leaveWith(model)
  }
  const saveAndList = async () => {
    if (!(await local.form.trigger(undefined, { shouldFocus: true }))) return
    const body = localBody({ ...local.values, downloadNow: false }, local.source, local.choice)
    await saving.run(async () => {
      const model = await create(body)
      forget()
      navigate(`/models/${model.id}/edit`, { replace: true })
    })
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const isFormValid = await (isLocal ? local : hosted).form.trigger(undefined, { shouldFocus: true })
    if (isFormValid && isValid && !created) await saving.run(isLocal ? saveLocal : saveHosted)
  }

  const panel = useFocusOnce(created !== null)
  const changeType = (next: ModelType) => {
    setType(next)
    chooseType(next)
  }
  return (
    <Frame
      title="New model"
      note={isDirty ? 'Draft kept on this device' : undefined}
      closeWord={created ? 'Close' : 'Cancel'}
      submit={
        <SubmitButton
          form={FORM}
          icon={downloads ? <Download size={15} /> : undefined}
          word={downloads ? 'Create and download' : 'Create'}
          busyWord={downloads ? 'Starting…' : 'Creating…'}
          doneWord="Created"
          isValid={isValid}
          isBusy={saving.isBusy}
          isDone={created !== null}
        />
      }
      opener='a[href^="/models/new"]'
      isDirty={isDirty || hasSecret}
      hasSecret={hasSecret}
      onLeave={forget}
    >
      <form
        id={FORM}
        onSubmit={(event) => void submit(event)}
        noValidate
        className={isLocal ? styles.wide : styles.narrow}
      >
        <fieldset disabled={created !== null} className={styles.form}>
          {begin.isRestored && isDirty && <RestoredNotice onDiscard={onStartOver} />}
          <ProblemNotice problem={saving.problem} form={FORM} />
          <TypeChoice value={type} onChange={changeType} />
          {isLocal ? (
            <LocalFields
              local={local}
              refusals={localRefusals.refusals}
              model={null}
              fixed={null}
              isLocked={created !== null}
              onSaveAndList={local.values.hfToken && local.isValid ? () => void saveAndList() : null}
            />
          ) : (
            <HostedFields hosted={hosted} refusals={hostedRefusals.refusals} model={null} />
          )}
        </fieldset>
        {isLocal && local.isPath && <WhereItStays path={local.values.path} />}
        {isLocal && !local.isPath && (
          <WhatHappens
            ref={panel}
            file={local.choice.file}
            isChosen={local.choice.isMade || created !== null}
            sizeBytes={local.choice.sizeBytes}
            isUpTo={Boolean(local.values.allowPatterns || local.values.ignorePatterns)}
            downloads={downloads}
            isLooking={local.source.isBusy}
            model={live}
          />
        )}
      </form>
    </Frame>
  )
}

/** Keeps the draft as long as there is something in it; gives the way to forget it for good. */
function useKeptDraft(draft: Draft, isDirty: boolean): () => void {
  const isOver = useRef(false)
  useEffect(() => {
    if (isOver.current) return
    if (isDirty) keepDraft(KEY, draft)
    else dropDraft(KEY)
  })
  return () => {
    isOver.current = true
    dropDraft(KEY)
  }
}

/** Once it is so, the keyboard goes there: what it stood on can't be used any more. */
function useFocusOnce(isOn: boolean) {
  const place = useRef<HTMLElement>(null)
  useEffect(() => {
    if (isOn) place.current?.focus()
  }, [isOn])
  return place
}
