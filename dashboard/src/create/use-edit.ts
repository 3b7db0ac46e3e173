/** What both edit forms share: the state that they began with, their draft, saving what has changed. */
import { useQueryClient } from '@tanstack/react-query'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import type { Problem } from '../api/client'
import { type Model, type ModelPatch, putModel, updateModel } from '../api/models'
import { wayBack } from '../lib/way-back'
import { toast } from '../ui/toasts'
import { type Draft, draftKey, dropDraft, keepDraft, readDraft } from './draft'
import { useSaving } from './saving'
import { hostedValues, localValues } from './schema'

/** The menu of the model's row, which leads here. */
export const rowOf = (id: number): string => `[data-key="${id}"] [aria-haspopup=menu]`

/** The forms as the model was when the page was opened, with the draft of before. What others change meanwhile stays theirs. */
export function useBeginning(model: Model) {
  const [begin] = useState(() => {
    const untouched = { local: localValues(model), hosted: hostedValues(model) }
    const draft = readDraft(draftKey(model.id), untouched.local, untouched.hosted)
    return {
      model,
      untouched,
      local: { ...untouched.local, ...draft?.local },
      hosted: { ...untouched.hosted, ...draft?.hosted },
      isRestored: draft !== null,
    }
  })
  return begin
}

/** Keep what differs, as long as there is something and nobody has left. */
export function useEditDraft(
  id: number,
  draft: Omit<Draft, 'from'>,
  isDirty: boolean,
  isLeft: RefObject<boolean>,
): void {
  useEffect(() => {
    if (isLeft.current) return
    if (isDirty) keepDraft(draftKey(id), { from: '', ...draft })
    else dropDraft(draftKey(id))
  })
}

/** `save` sends and closes, `send` alone leaves the page open; `forget` drops the draft for good. */
export function useEditSaving(id: number, onRefused: (problem: Problem) => boolean) {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const saving = useSaving(onRefused)
  const isLeft = useRef(false)
  const forget = () => {
    isLeft.current = true
    dropDraft(draftKey(id))
  }
  const send = async (patch: ModelPatch) => {
    if (!Object.keys(patch).length) return
    const model = await updateModel(id, patch)
    putModel(queries, model)
  }
  const save = (patch: ModelPatch, onSaved: () => void = () => {}) =>
    saving.run(async () => {
      await send(patch)
      onSaved()
      forget()
      toast('Changes saved')
      navigate(wayBack(), { replace: true })
    })
  return { saving, send, save, forget, isLeft }
}
