/** The fields that the API has refused, until they say something else. */
import { useState } from 'react'
import type { Problem } from '../api/client'
import { type Refusals, refusalsOf } from './bodies'

type Values = Record<string, unknown>
type Focusing = { setFocus: (field: never) => void }

/** `refuse` takes a problem to its fields and the keyboard to the first; false: it is not about fields of this form. */
export function useRefusals(
  values: object,
  form: Focusing,
): { refusals: Refusals; refuse: (problem: Problem) => boolean } {
  const [last, setLast] = useState<{ refusals: Refusals; values: Values }>({ refusals: {}, values: {} })
  const now = values as Values
  const standing = Object.entries(last.refusals).filter(([field]) => now[field] === last.values[field])
  const refuse = (problem: Problem) => {
    const refusals = refusalsOf(problem)
    const fields = Object.keys(refusals)
    if (!fields.length || fields.some((field) => !(field in now))) return false
    setLast({ refusals, values: { ...now } })
    form.setFocus(fields[0] as never)
    return true
  }
  return { refusals: Object.fromEntries(standing), refuse }
}
