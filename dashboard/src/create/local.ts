/** The state of the form of a local model: what is typed, what the Hub says to it, what is chosen. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useMemo, useState } from 'react'
import { useForm, type UseFormReturn, useWatch } from 'react-hook-form'
import { modelsQuery } from '../api/models'
import { type Choice, choiceOf, firstChoice, kindFor, nameFor, nameForPath } from './choice'
import { localResolver, type LocalValues } from './schema'
import { type Source, useSource } from './source'

/**
 * `ownId`: the model that is edited, or was just created; `tokenOf`: the one whose token the Hub is asked with. `isOn`: repository and file may still change. `isFilling`: name
 * and kind follow the choice until a person has set them.
 */
export function useLocal(
  begin: LocalValues,
  {
    ownId,
    tokenOf,
    isOn,
    isFilling,
  }: { ownId?: number; tokenOf?: number; isOn: boolean; isFilling: boolean },
) {
  const form = useForm<LocalValues>({ defaultValues: begin, resolver: localResolver, mode: 'onTouched' })
  const values = useWatch({ control: form.control }) as LocalValues
  const { errors, isValid } = form.formState
  const [isLeft, setLeft] = useState(begin.repository !== '')
  const isPath = values.place === 'path'
  const source = useSource(values.repository, values.revision, {
    isLeft,
    modelId: tokenOf,
    isOn: isOn && !isPath,
  })
  const choice = choiceOf(values, source, ownId)
  useFirstChoice(form, values, source)
  useNameAndKind(form, values, source, choice, isFilling && !isPath)
  useNameOfPath(form, values, isFilling && isPath)
  const isMade = isPath ? values.path.trim() !== '' : choice.isMade
  return {
    form,
    values,
    errors,
    isValid: isValid && (!isOn || isMade),
    isPath,
    source,
    choice,
    ownId,
    tokenOf,
    setLeft,
  }
}

export type Local = ReturnType<typeof useLocal>

/** A list that is new here begins with a choice. */
function useFirstChoice(form: UseFormReturn<LocalValues>, values: LocalValues, source: Source): void {
  const { preview, isListed, key } = source
  const linked = source.ref?.filename ?? null
  const isNew = isListed && values.fileOf !== key
  // Before it is seen without one.
  useLayoutEffect(() => {
    if (!isNew || !preview) return
    const first = firstChoice(preview, linked)
    form.setValue('file', first ?? null)
    form.setValue('fileOf', first === undefined ? '' : key)
  }, [form, isNew, preview, linked, key])
  useEffect(() => {
    if (linked) form.setValue('typedFile', linked)
  }, [form, linked])
}

/** The names that are taken. */
function useTaken(): ReadonlySet<string> {
  const { data: models } = useQuery(modelsQuery)
  return useMemo(() => new Set(models?.map(({ name }) => name)), [models])
}

function useNameOfPath(form: UseFormReturn<LocalValues>, values: LocalValues, isOn: boolean): void {
  const taken = useTaken()
  const name = isOn && !values.isNamed ? nameForPath(values.path, taken) : ''
  useEffect(() => {
    if (name) form.setValue('name', name, { shouldValidate: true })
  }, [form, name])
}

function useNameAndKind(
  form: UseFormReturn<LocalValues>,
  values: LocalValues,
  { ref, preview }: Source,
  choice: Choice,
  isOn: boolean,
): void {
  const taken = useTaken()
  const name = isOn && !values.isNamed && ref && choice.isMade ? nameFor(ref.repo, choice.file, taken) : null
  useEffect(() => {
    if (name) form.setValue('name', name, { shouldValidate: true })
  }, [form, name])
  const kind = isOn && !values.isKindChosen && preview ? kindFor(preview) : null
  useEffect(() => {
    if (kind) form.setValue('category', kind)
  }, [form, kind])
}
