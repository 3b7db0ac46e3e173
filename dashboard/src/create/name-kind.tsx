/** The two fields that every model has. */
import type { ReactNode } from 'react'
import type { UseFormRegisterReturn } from 'react-hook-form'
import { CATEGORY_NAMES } from '../models/facts'
import { Field, Input } from '../ui/field'
import { Select } from '../ui/select'
import { FIRST } from './frame'

const KINDS = Object.entries(CATEGORY_NAMES).map(([value, label]) => ({ value, label }))
const NOT_SET = { value: '', label: 'Not set' }

export function NameField({
  registration,
  error,
  isFirst = false,
}: {
  registration: UseFormRegisterReturn
  error: ReactNode
  isFirst?: boolean
}) {
  return (
    <Field label="Name" hint="Unique in this registry" error={error}>
      <Input {...registration} {...(isFirst ? FIRST : {})} />
    </Field>
  )
}

/** `value` empty: a model that was registered without a kind. */
export function KindField({
  registration,
  value,
  error,
}: {
  registration: UseFormRegisterReturn
  value: string
  error: ReactNode
}) {
  return (
    <Field label="Kind" error={error}>
      <Select {...registration} value={value} options={value ? KINDS : [NOT_SET, ...KINDS]} />
    </Field>
  )
}
